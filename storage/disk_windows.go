package storage

import "golang.org/x/sys/windows"

// FreeDisk returns the bytes that this user can still write where dir is.
func FreeDisk(dir string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	return free, err
}
