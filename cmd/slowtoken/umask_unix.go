//go:build unix

package main

import "golang.org/x/sys/unix"

// privateFiles makes every file that this process creates from now on readable by its owner only: DuckDB has no setting
// for it, and traces can hold prompts.
func privateFiles() { unix.Umask(0o077) }
