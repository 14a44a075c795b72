//go:build !linux

package main

// portOwner returns the process that listens on a TCP port; only Linux tells without help.
func portOwner(int) (pid int, name string) { return 0, "" }
