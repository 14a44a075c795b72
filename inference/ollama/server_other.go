//go:build !linux

package ollama

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

var stopSignal = os.Interrupt

// runTied starts cmd and closes exited after it has ended with err.
func runTied(cmd *exec.Cmd, exited chan<- struct{}, err *error) error {
	if problem := cmd.Start(); problem != nil {
		return problem
	}
	go func() {
		*err = cmd.Wait()
		close(exited)
	}()
	return nil
}

func killAll(p *os.Process) { p.Kill() }

func freeze(*os.Process) error { return errors.ErrUnsupported }
func thaw(*os.Process) error   { return errors.ErrUnsupported }

func endedBy(syscall.WaitStatus) bool { return false }
