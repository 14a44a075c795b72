//go:build unix

package storage

import "golang.org/x/sys/unix"

// FreeDisk returns the bytes that this user can still write where dir is.
func FreeDisk(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}
