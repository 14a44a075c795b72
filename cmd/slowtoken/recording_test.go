package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// recordingFile holds three minutes of traffic on a simulated vLLM server, which the documents analyze too.
const recordingFile = "../../inference/demo/recording.otlp.jsonl.gz"

// readRecording reads the recording: OTLP JSON lines, compressed with gzip.
func readRecording() ([]ptrace.Traces, error) {
	packed, err := os.ReadFile(recordingFile)
	if err != nil {
		return nil, err
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var recording []ptrace.Traces
	lines := bufio.NewReader(unpacked)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", len(recording)+1, err)
			}
			recording = append(recording, td)
		}
		if errors.Is(err, io.EOF) {
			return recording, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// send exports every batch over OTLP/gRPC, in order, as an application would, and returns how many spans were stored.
func send(ctx context.Context, address string, batches []ptrace.Traces) (spans int, err error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	client := ptraceotlp.NewGRPCClient(conn)
	for _, td := range batches {
		response, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
		if err != nil {
			return spans, err
		}
		if refused := response.PartialSuccess(); refused.RejectedSpans() > 0 {
			return spans, fmt.Errorf("%d spans were refused: %s", refused.RejectedSpans(), refused.ErrorMessage())
		}
		spans += td.SpanCount()
	}
	return spans, nil
}

// retime moves all traces by one offset, so that the last span ends at end. What happened between them stays as it was.
func retime(recording []ptrace.Traces, end time.Time) {
	var last pcommon.Timestamp
	for _, td := range recording {
		for s := range allSpans(td) {
			last = max(last, s.EndTimestamp())
		}
	}
	offset := pcommon.NewTimestampFromTime(end) - last // wraps around when it is negative, and so does the sum
	for _, td := range recording {
		for s := range allSpans(td) {
			s.SetStartTimestamp(s.StartTimestamp() + offset)
			s.SetEndTimestamp(s.EndTimestamp() + offset)
			for i := range s.Events().Len() {
				event := s.Events().At(i)
				event.SetTimestamp(event.Timestamp() + offset)
			}
		}
	}
}

// allSpans yields every span of td.
func allSpans(td ptrace.Traces) func(yield func(ptrace.Span) bool) {
	return func(yield func(ptrace.Span) bool) {
		for i := range td.ResourceSpans().Len() {
			scopes := td.ResourceSpans().At(i).ScopeSpans()
			for j := range scopes.Len() {
				spans := scopes.At(j).Spans()
				for k := range spans.Len() {
					if !yield(spans.At(k)) {
						return
					}
				}
			}
		}
	}
}
