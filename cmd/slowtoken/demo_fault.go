package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/inference"
)

// A demoFault is what makes the demo's server slow, and how it is mended.
type demoFault struct {
	slots, mendedSlots int     // that the gateway lets in at once
	pace               float64 // at which the same requests arrive when it is mended; 1 is as before
	about, mended      string
	change             population.Scenario // the mending, as the replay has it
}

const (
	fewSlots, someSlots = 2, 4            // let in by a gateway at fault; by one in front of a server of which nothing is known
	trial               = 2 * time.Second // how long it is tried what a server can do
	enough              = 100             // requests that an answer rests on
	overload            = 4.0 / 3         // arrivals over what can be served
	batchingHelps       = 1.6             // times more answers with all slots than with few, from which the limit is the fault
)

var errTooSlow = errors.New("the server is too slow to say anything")

// simulateInstead replaces the server.
func (d *demo) simulateInstead() error {
	s, err := d.simulatedDemoServer()
	if err != nil {
		return err
	}
	err = d.server.stop()
	d.server = s
	d.note("server    %s", s.about)
	return err
}

// plan finds out what the server can do, and draws a load that is more than it can do with the fault: with a limit on what
// is let in, where a higher one helps, else with more requests than it can answer.
func (d *demo) plan(ctx context.Context) (f demoFault, err error) {
	all := cmp.Or(d.server.parallel, someSlots)
	scale := 1.0
	limited, err := d.tryOut(ctx, fewSlots, scale)
	if err != nil {
		return f, err
	}
	if n := overload * limited * d.o.length.Seconds(); n < enough { // shorter questions and answers, so that there are enough
		scale = max(0.05, 0.8*n/enough)
		if limited, err = d.tryOut(ctx, fewSlots, scale); err != nil {
			return f, err
		}
	}
	served, err := d.tryOut(ctx, all, scale)
	if err != nil {
		return f, err
	}
	if served >= batchingHelps*limited {
		d.requests = drawDemoRequests(min(overload*limited, 0.85*served), scale, d.o.length)
		f = demoFault{
			slots: fewSlots, mendedSlots: all, pace: 1, change: population.Scenario{Slots: all},
			about: fmt.Sprintf("the gateway lets %d requests in at once, though the server answers %.1f times as many with %d; %d arrive within %s",
				fewSlots, served/limited, all, len(d.requests), d.o.length),
			mended: fmt.Sprintf("the gateway lets %d in at once; the same %d requests arrive again", all, len(d.requests)),
		}
	} else {
		d.requests = drawDemoRequests(overload*served, scale, d.o.length*2/3)
		f = demoFault{
			slots: all, mendedSlots: all, pace: 0.5, change: population.Scenario{Rate: 0.5},
			about:  fmt.Sprintf("%d requests arrive within %s, a third more than the server can answer", len(d.requests), d.o.length*2/3),
			mended: "the same requests arrive again, at half the rate",
		}
	}
	if len(d.requests) < 20 {
		return f, withHint(fmt.Errorf("demo: %w within %s: it answers %.2g requests a second", errTooSlow, d.o.length, served), "slowtoken demo --ollama sim, or a longer --length")
	}
	return f, nil
}

// tryOut returns how many requests a second are answered with that many at once.
func (d *demo) tryOut(ctx context.Context, slots int, scale float64) (rate float64, err error) {
	err = d.throughGateway(ctx, slots, func(c *demoClient) (err error) {
		rate, err = c.throughput(ctx, drawDemoRequests(10, scale, 10*time.Second), slots, trial)
		return err
	})
	return rate, err
}

// load sends the requests, at a pace of their own times, and returns in which time.
func (d *demo) load(ctx context.Context, slots int, pace float64) (window, error) {
	w := window{Since: time.Now()}
	err := d.throughGateway(ctx, slots, func(c *demoClient) error {
		failed, err := c.send(ctx, d.requests, pace)
		if failed > 0 && failed < len(d.requests) && ctx.Err() == nil {
			d.note("%d of %d requests failed, the first so: %s", failed, len(d.requests), err)
			return nil
		}
		return err
	})
	w.Until = time.Now()
	return w, err
}

// throughGateway calls do with a client of a gateway, whose spans are all received when it returns.
func (d *demo) throughGateway(ctx context.Context, slots int, do func(*demoClient) error) (err error) {
	telemetry, err := inference.TelemetryTo(ctx, d.receiver.otlp.Info().HTTP, buildVersion(), d.quiet)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if sendErr := telemetry.Shutdown(stopCtx); sendErr != nil {
			err = errors.Join(err, fmt.Errorf("demo: send the last spans: %w", sendErr))
		}
	}()
	vocabularies, err := tokenizers("", d.server.url)
	if err != nil {
		return err
	}
	g, err := inference.New(inference.Config{
		Upstream: d.server.url, Slots: slots, QueueLimit: 10_000, ServerSlots: d.server.parallel, Tokenizers: vocabularies,
		WeightLog: d.server.weights, Tracer: telemetry.Tracer, Propagator: telemetry.Propagator, Metrics: inference.NewMetrics(), Logger: d.quiet,
	})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) // ends with ErrServerClosed when it is shut down
	client := newDemoClient("http://"+listener.Addr().String(), d.server.model)
	err = do(client)
	client.close()
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), server.Close())
	}
	stopCtx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	if err != nil {
		err = fmt.Errorf("demo: ask %s: %w", d.server.url, err)
	}
	return errors.Join(err, server.Shutdown(stopCtx))
}
