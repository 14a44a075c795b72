package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/synth"
	"github.com/slowtoken/slowtoken/ingest"
)

// samplesOf makes one sample for each resident set in MB and p99 in ms.
func samplesOf(values ...[2]int) (samples []sample) {
	for _, v := range values {
		samples = append(samples, sample{rss: int64(v[0]) * 1e6, p99: time.Duration(v[1]) * time.Millisecond})
	}
	return samples
}

func TestFlatLeavesOutTheWarmUpAndSeesGrowth(t *testing.T) {
	tests := []struct {
		name    string
		samples []sample
		flat    bool
	}{
		{"steady", samplesOf([2]int{100, 900}, [2]int{400, 50}, [2]int{410, 60}, [2]int{405, 55}), true},
		{"one slow minute in the middle", samplesOf([2]int{400, 50}, [2]int{400, 50}, [2]int{400, 900}, [2]int{400, 50}), true},
		{"memory grows", samplesOf([2]int{400, 50}, [2]int{400, 50}, [2]int{450, 50}, [2]int{500, 50}), false},
		{"acknowledgements slow down", samplesOf([2]int{400, 50}, [2]int{400, 50}, [2]int{400, 100}, [2]int{400, 200}), false},
	}
	for _, test := range tests {
		verdict, err := flat(test.samples)
		if (err == nil) != test.flat {
			t.Errorf("%s: got %q, %v", test.name, verdict, err)
		}
	}
	if _, err := flat(samplesOf([2]int{1, 1}, [2]int{1, 1}, [2]int{1, 1})); err == nil {
		t.Error("three samples are taken for enough")
	}
}

// TestEveryRoundHasOtherTraces: spans that are sent again under the same ids would be copies, which cost a server less.
func TestEveryRoundHasOtherTraces(t *testing.T) {
	var batch []analyzer.Span
	for spans := range synth.Corpus(synth.CorpusOptions{Seed: 1, Traces: 10, End: 1e18}) {
		batch = append(batch, spans...)
	}
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(ingest.ToTraces(batch))
	if err != nil {
		t.Fatal(err)
	}
	m := message{body: body, traces: tracesOf(batch)}
	places := traceIDPlaces(m)
	seen := map[analyzer.TraceID]int{}
	for round := range uint64(3) {
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(renumber(body, places, round))
		if err != nil {
			t.Fatal(err)
		}
		spans, _ := ingest.FromTraces(td)
		for i := range spans {
			seen[spans[i].TraceID]++
		}
	}
	if len(seen) != 30 {
		t.Errorf("three rounds of 10 traces have %d ids, want 30", len(seen))
	}
	for id, spans := range seen {
		if spans != 8 {
			t.Errorf("trace %s has %d spans, want 8", id, spans)
		}
	}
}

func TestSoakPrintsSamplesAndAVerdict(t *testing.T) {
	_, address := startReceiver(t, accept)
	var stdout bytes.Buffer
	err := run(t.Context(), []string{"--traces", "100", "--end", testEnd, "--otlp-grpc", address, "--rate", "20000",
		"--duration", "2s", "--every", "200ms", "--watch-pid", fmt.Sprint(os.Getpid())}, &stdout, io.Discard)
	if err != nil && !strings.Contains(err.Error(), "not flat") { // the process that is watched is this test
		t.Fatal(err)
	}
	if lines := strings.Count(stdout.String(), " ms "); lines < 4 {
		t.Errorf("two seconds in steps of a fifth give %d lines:\n%s", lines, stdout.String())
	}
}

func TestSoakStopsAtLostSpans(t *testing.T) {
	_, address := startReceiver(t, func(int) (ptraceotlp.ExportResponse, error) {
		response := ptraceotlp.NewExportResponse()
		response.PartialSuccess().SetRejectedSpans(1)
		return response, nil
	})
	err := run(t.Context(), []string{"--traces", "100", "--end", testEnd, "--otlp-grpc", address, "--rate", "20000",
		"--duration", "10s", "--every", "50ms"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "spans were rejected") {
		t.Errorf("got error %v, want one about rejected spans", err)
	}
}
