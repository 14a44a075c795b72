package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portOwner returns the process that listens on a TCP port of this machine; pid 0 when it cannot be told, as for a
// process of another user.
func portOwner(port int) (pid int, name string) {
	inodes := listenInodes(port)
	if len(inodes) == 0 {
		return 0, ""
	}
	// The files of a process that is not ours, or just ended, cannot be read; they are passed over.
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil || !inodes[target] {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(fd, "/")[2])
		if err != nil {
			continue
		}
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			continue
		}
		return pid, strings.TrimSpace(string(comm))
	}
	return 0, ""
}

// listenInodes returns the sockets that listen on port, as links in /proc spell them: socket:[inode].
func listenInodes(port int) map[string]bool {
	const listening = "0A"
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...
			field := strings.Fields(lines.Text())
			if len(field) > 9 && field[3] == listening && strings.HasSuffix(field[1], fmt.Sprintf(":%04X", port)) {
				inodes["socket:["+field[9]+"]"] = true
			}
		}
		f.Close()
	}
	return inodes
}
