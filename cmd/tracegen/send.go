package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// A message is one batch, encoded before the clock starts, so that making it costs the server under test nothing.
type message struct {
	body  []byte
	spans int
	due   time.Duration // since the start; zero without a rate

	traces []analyzer.TraceID // for a soak
}

// A transport carries one encoded request to a server and brings its encoded answer. Its errors are gRPC statuses.
type transport interface {
	export(ctx context.Context, body []byte) (answer []byte, err error)
}

func send(ctx context.Context, o options, stdout io.Writer) error {
	messages, err := encodeAll(ctx, o)
	if err != nil {
		return err
	}
	total := 0
	for _, m := range messages {
		total += m.spans
	}
	transports := make([]transport, o.connections)
	for i := range transports {
		t, close, err := o.connect()
		if err != nil {
			return err
		}
		defer close()
		transports[i] = t
	}
	if o.duration > 0 {
		return soak(ctx, o, transports, messages, stdout)
	}
	fmt.Fprintf(stdout, "sending %d spans in %d messages to %s over %d connections\n", total, len(messages), o.target(), o.connections)
	var sum tally
	start := time.Now()
	deliverAll(ctx, o, transports, slices.Values(messages), &sum)
	sum.print(stdout, time.Since(start), o.rate > 0)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send to %s: %w", o.target(), err)
	}
	if sum.acknowledged < total {
		return fmt.Errorf("%d of %d spans were not acknowledged: %w", total-sum.acknowledged, total, sum.lastError)
	}
	return nil
}

// deliverAll sends messages over all transports at once, and returns when every one has been answered or given up.
func deliverAll(ctx context.Context, o options, transports []transport, messages iter.Seq[message], sum *tally) {
	queue := make(chan message)
	start := time.Now()
	var workers sync.WaitGroup
	for _, t := range transports {
		workers.Go(func() {
			for m := range queue {
				r := deliver(ctx, t, m, start, o)
				sum.add(r)
			}
		})
	}
	schedule(ctx, messages, start, queue)
	workers.Wait()
}

// schedule hands each message to whichever worker is free, at the time it is due or as soon after as one is.
func schedule(ctx context.Context, messages iter.Seq[message], start time.Time, queue chan<- message) {
	defer close(queue)
	for m := range messages {
		select {
		case <-time.After(time.Until(start.Add(m.due))):
		case <-ctx.Done():
			return
		}
		select {
		case queue <- m:
		case <-ctx.Done():
			return
		}
	}
}

func encodeAll(ctx context.Context, o options) ([]message, error) {
	var messages []message
	sent := 0
	for batch := range corpusBatches(o) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		body, err := new(ptrace.ProtoMarshaler).MarshalTraces(ingest.ToTraces(batch))
		if err != nil {
			return nil, err
		}
		m := message{body: body, spans: len(batch)}
		if o.duration > 0 {
			m.traces = tracesOf(batch)
		}
		if o.rate > 0 {
			m.due = time.Duration(float64(sent) / o.rate * 1e9)
		}
		messages = append(messages, m)
		sent += len(batch)
	}
	return messages, nil
}

func tracesOf(batch []analyzer.Span) (ids []analyzer.TraceID) {
	for i := range batch {
		if i == 0 || batch[i].TraceID != batch[i-1].TraceID {
			ids = append(ids, batch[i].TraceID)
		}
	}
	return slices.Compact(slices.SortedFunc(slices.Values(ids), analyzer.TraceID.Compare))
}

// deliver sends one message until it is acknowledged, refused for good, or patience ends.
func deliver(ctx context.Context, to transport, m message, start time.Time, o options) (r results) {
	first := time.Now()
	for {
		called := time.Now()
		answer, err := to.export(ctx, m.body)
		now := time.Now()
		if err == nil {
			response := ptraceotlp.NewExportResponse()
			if err := response.UnmarshalProto(answer); err != nil {
				r.fail(fmt.Errorf("read the answer: %w", err))
				return r
			}
			rejected := response.PartialSuccess()
			r.acknowledged += m.spans - int(rejected.RejectedSpans())
			r.rejected += int(rejected.RejectedSpans())
			if rejected.RejectedSpans() > 0 {
				r.lastError = errors.New(rejected.ErrorMessage())
			}
			r.answers = append(r.answers, now.Sub(called))
			r.fromDue = append(r.fromDue, now.Sub(start.Add(m.due)))
			return r
		}
		pause, again := retryPause(err)
		if !again || ctx.Err() != nil || now.Sub(first)+pause > o.patience {
			r.fail(err)
			return r
		}
		r.retries++
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// retryPause says whether OTLP allows to repeat a call that failed so, and after what time.
func retryPause(err error) (pause time.Duration, again bool) {
	s := status.Convert(err)
	pause = 100 * time.Millisecond
	stated := false
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			pause, stated = info.GetRetryDelay().AsDuration(), true
		}
	}
	switch s.Code() {
	case codes.ResourceExhausted:
		return pause, stated
	case codes.Unavailable, codes.Aborted, codes.DeadlineExceeded, codes.OutOfRange, codes.DataLoss:
		return pause, true
	}
	return 0, false
}
