package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/slowtoken/slowtoken/ingest"
)

// A message is one batch, encoded before the clock starts, so that making it costs the server under test nothing.
type message struct {
	body  []byte
	spans int
	due   time.Duration // since the start; zero without a rate
}

func send(ctx context.Context, o options, stdout io.Writer) error {
	messages, err := encodeAll(ctx, o)
	if err != nil {
		return err
	}
	connections := make([]*grpc.ClientConn, o.connections)
	for i := range connections {
		connections[i], err = grpc.NewClient(o.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
		if err != nil {
			return fmt.Errorf("connect to %s: %w", o.address, err)
		}
		defer connections[i].Close()
	}
	total := 0
	for _, m := range messages {
		total += m.spans
	}
	fmt.Fprintf(stdout, "sending %d spans in %d messages to %s over %d connections\n", total, len(messages), o.address, o.connections)

	queue := make(chan message)
	results := make([]results, o.connections)
	start := time.Now()
	var workers sync.WaitGroup
	for i, connection := range connections {
		workers.Go(func() {
			for m := range queue {
				results[i].deliver(ctx, connection, m, start, o)
			}
		})
	}
	schedule(ctx, messages, start, queue)
	workers.Wait()

	sum := merge(results)
	sum.print(stdout, time.Since(start), o.rate > 0)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send to %s: %w", o.address, err)
	}
	if sum.acknowledged < total {
		return fmt.Errorf("%d of %d spans were not acknowledged: %w", total-sum.acknowledged, total, sum.lastError)
	}
	return nil
}

// schedule hands each message to whichever worker is free, at the time it is due or as soon after as one is.
func schedule(ctx context.Context, messages []message, start time.Time, queue chan<- message) {
	defer close(queue)
	for _, m := range messages {
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
		if o.rate > 0 {
			m.due = time.Duration(float64(sent) / o.rate * 1e9)
		}
		messages = append(messages, m)
		sent += len(batch)
	}
	return messages, nil
}

// deliver sends one message until it is acknowledged, refused for good, or patience ends.
func (r *results) deliver(ctx context.Context, connection *grpc.ClientConn, m message, start time.Time, o options) {
	first := time.Now()
	for {
		called := time.Now()
		var answer []byte
		err := connection.Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", m.body, &answer)
		now := time.Now()
		if err == nil {
			response := ptraceotlp.NewExportResponse()
			if err := response.UnmarshalProto(answer); err != nil {
				r.fail(fmt.Errorf("read the answer: %w", err))
				return
			}
			rejected := response.PartialSuccess()
			r.acknowledged += m.spans - int(rejected.RejectedSpans())
			r.rejected += int(rejected.RejectedSpans())
			if rejected.RejectedSpans() > 0 {
				r.lastError = errors.New(rejected.ErrorMessage())
			}
			r.answers = append(r.answers, now.Sub(called))
			r.fromDue = append(r.fromDue, now.Sub(start.Add(m.due)))
			return
		}
		pause, again := retryPause(err)
		if !again || ctx.Err() != nil || now.Sub(first)+pause > o.patience {
			r.fail(err)
			return
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

// rawCodec passes encoded messages through.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}
