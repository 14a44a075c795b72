//go:build unix

package main

import "golang.org/x/sys/unix"

// freeDisk returns the bytes that this user can still write where dir is.
func freeDisk(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}
