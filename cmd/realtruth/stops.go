package main

import (
	"context"
	"time"

	"github.com/slowtoken/slowtoken/inference/ollama"
)

// stops are how a server's processes are stopped and let go again, over and over.
type stops struct {
	length time.Duration // of each stop
	every  time.Duration // from the beginning of one to that of the next
}

// stop does so until ctx ends, and says then what went wrong.
func (p stops) stop(ctx context.Context, s *ollama.Server) (failed chan error) {
	failed = make(chan error, 1)
	go func() {
		tick := time.NewTicker(p.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				failed <- nil
				return
			case <-tick.C:
			}
			if err := s.Pause(p.length); err != nil {
				failed <- err
				return
			}
		}
	}()
	return failed
}
