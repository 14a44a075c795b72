package main

import (
	"net"
	"os"
	"runtime"
	"testing"
)

func TestPortOwnerFindsThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who listens on a port")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if pid, name := portOwner(port); pid != os.Getpid() || name == "" {
		t.Errorf("port %d belongs to pid %d %q, want pid %d", port, pid, name, os.Getpid())
	}
	l.Close()
	if pid, _ := portOwner(port); pid != 0 {
		t.Errorf("closed port %d still belongs to pid %d", port, pid)
	}
}
