package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"github.com/slowtoken/slowtoken/inference/ollama"
)

// hogRole is the argument by which this program computes for nobody.
const hogRole = "--take-the-cpu"

// burn takes a processor until somebody ends it, at the latest with whoever started it.
func burn() {
	parent := os.Getppid()
	runtime.GOMAXPROCS(1)
	sum := 0
	for i := 0; ; i++ {
		sum += i ^ sum
		if i%100_000_000 == 0 && os.Getppid() != parent {
			fmt.Println(sum)
			os.Exit(0)
		}
	}
}

// takeCPU starts processes that compute until ctx ends, each run with the same command before it as the server.
func takeCPU(ctx context.Context, processes int, before []string) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var all []*exec.Cmd
	stop = func() {
		cancel()
		for _, cmd := range all {
			_ = cmd.Wait() // it was killed
		}
	}
	self, err := os.Executable()
	if err != nil {
		cancel()
		return nil, err
	}
	for range processes {
		command := append(slices.Clone(before), self, hogRole)
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		if err := cmd.Start(); err != nil {
			stop()
			return nil, fmt.Errorf("take the CPU: %w", err)
		}
		all = append(all, cmd)
	}
	return stop, nil
}

// pauses stops a server every so often until ctx ends, and says how long it stood still in all.
func pauses(ctx context.Context, s *ollama.Server, length time.Duration) (stood chan time.Duration, failed chan error) {
	stood, failed = make(chan time.Duration, 1), make(chan error, 1)
	go func() {
		var total time.Duration
		tick := time.NewTicker(pauseEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				stood <- total
				failed <- nil
				return
			case <-tick.C:
			}
			begun := time.Now()
			if err := s.Pause(length); err != nil {
				stood <- total
				failed <- err
				return
			}
			total += time.Since(begun)
		}
	}()
	return stood, failed
}
