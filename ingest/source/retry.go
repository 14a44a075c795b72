package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A temporaryError is one after which the same request may succeed.
type temporaryError struct {
	err   error
	after time.Duration // when the server wants to be asked again; 0 when it did not say
}

func (e *temporaryError) Error() string { return e.err.Error() }
func (e *temporaryError) Unwrap() error { return e.err }

const (
	firstPause = 500 * time.Millisecond
	mostPause  = 30 * time.Second
	// mostAsked is the longest pause taken because a server asked for it.
	mostAsked = 5 * time.Minute
)

// retry calls attempt until it succeeds, fails for good or has failed too often.
func (c *Client) retry(ctx context.Context, what string, attempt func(context.Context) error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := c.once(ctx, attempt)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
		var temporary *temporaryError
		if !errors.As(err, &temporary) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if n >= c.options.Attempts {
			if n == 1 {
				return fmt.Errorf("%s: %w", what, err)
			}
			return fmt.Errorf("%s, tried %d times: %w", what, n, err)
		}
		if temporary.after > mostAsked {
			return fmt.Errorf("%s: the server asks to come back in %s: %w", what, temporary.after, err)
		}
		d := pause/2 + rand.N(pause/2) // so that clients which failed together do not come back together
		d = max(d, temporary.after)
		pause = min(2*pause, mostPause)
		c.stats.Retries++
		if c.options.Retrying != nil {
			c.options.Retrying(fmt.Errorf("%s: %w", what, err), d)
		}
		if err := c.options.Wait(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// errTimeout says that an answer was not there in time.
var errTimeout = errors.New("no complete answer in time")

func (c *Client) once(ctx context.Context, attempt func(context.Context) error) error {
	c.stats.Requests++
	limited, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	err := attempt(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return &temporaryError{err: fmt.Errorf("%w (%s; a smaller --depth makes answers shorter): %w", errTimeout, c.options.Timeout, err)}
	}
	return err
}

// Temporary reports whether err, of a [Client], is one after which the same request may succeed later.
func Temporary(err error) bool { return errors.As(err, new(*temporaryError)) }
