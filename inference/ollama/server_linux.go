package ollama

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

const stopSignal = syscall.SIGTERM

// runTied starts cmd in a session of its own, and so a process group, to be asked to end when this process does, and closes
// exited after it has ended with err. Where processors are shared among sessions first, it then has a share of its own. The kernel ties a child to the thread that started it, so one thread waits as long as it runs.
func runTied(cmd *exec.Cmd, exited chan<- struct{}, err *error) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		problem := cmd.Start()
		started <- problem
		if problem == nil {
			*err = cmd.Wait()
			close(exited)
		}
	}()
	return <-started
}

// killAll kills a server and its runners.
func killAll(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }

// freeze and thaw stop and continue a server and its runners.
func freeze(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGSTOP) }
func thaw(p *os.Process) error   { return syscall.Kill(-p.Pid, syscall.SIGCONT) }

func endedBy(status syscall.WaitStatus) bool {
	return status.Signaled() && status.Signal() == stopSignal
}
