package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// A receiver is an OTLP server that answers as the test says and counts the spans it took.
type receiver struct {
	ptraceotlp.UnimplementedGRPCServer
	answer func(call int) (ptraceotlp.ExportResponse, error)

	mu    sync.Mutex
	calls int
	spans int
}

func (r *receiver) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	response, err := r.answer(r.calls)
	if err == nil {
		r.spans += request.Traces().SpanCount()
	}
	return response, err
}

func startReceiver(t *testing.T, answer func(call int) (ptraceotlp.ExportResponse, error)) (*receiver, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{answer: answer}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, r)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r, listener.Addr().String()
}

func accept(int) (ptraceotlp.ExportResponse, error) { return ptraceotlp.NewExportResponse(), nil }

func TestSendDeliversEverySpan(t *testing.T) {
	for _, rate := range []string{"0", "20000"} {
		r, address := startReceiver(t, accept)
		var stdout bytes.Buffer
		begin := time.Now()
		err := run(t.Context(), []string{"--traces", "500", "--end", testEnd, "--otlp-grpc", address, "--rate", rate}, &stdout, io.Discard)
		if err != nil {
			t.Fatalf("rate %s: %v", rate, err)
		}
		if r.spans != 4000 || r.calls != 5 {
			t.Errorf("rate %s: the server took %d spans in %d calls, want 4000 in 5", rate, r.spans, r.calls)
		}
		if !strings.Contains(stdout.String(), "acknowledged 4000 spans in 5 messages") {
			t.Errorf("rate %s: it said\n%s", rate, stdout.String())
		}
		// The last of five messages of 800 spans is due after 4 x 800 / 20000 s.
		if took := time.Since(begin); rate != "0" && took < 160*time.Millisecond {
			t.Errorf("rate %s: it took %v, less than its schedule", rate, took)
		}
	}
}

func TestSendRepeatsWhatTheServerCannotTakeNow(t *testing.T) {
	busy, err := status.New(codes.ResourceExhausted, "queue is full").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	r, address := startReceiver(t, func(call int) (ptraceotlp.ExportResponse, error) {
		if call <= 3 {
			return ptraceotlp.NewExportResponse(), busy.Err()
		}
		return accept(call)
	})
	var stdout bytes.Buffer
	if err := run(t.Context(), []string{"--traces", "100", "--end", testEnd, "--otlp-grpc", address, "--connections", "1"}, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	if r.spans != 800 || !strings.Contains(stdout.String(), "retries 3,") {
		t.Errorf("the server took %d spans, want 800; it said\n%s", r.spans, stdout.String())
	}
}

func TestSendReportsWhatIsLost(t *testing.T) {
	tests := []struct {
		name   string
		answer func(call int) (ptraceotlp.ExportResponse, error)
		want   string
	}{
		{
			"a refusal for good is not repeated",
			func(int) (ptraceotlp.ExportResponse, error) {
				return ptraceotlp.NewExportResponse(), status.Error(codes.InvalidArgument, "not today")
			},
			`^800 of 800 spans were not acknowledged: .*not today`,
		},
		{
			"spans that the server left out are not acknowledged",
			func(int) (ptraceotlp.ExportResponse, error) {
				response := ptraceotlp.NewExportResponse()
				response.PartialSuccess().SetRejectedSpans(7)
				response.PartialSuccess().SetErrorMessage("7 spans have no id")
				return response, nil
			},
			`^7 of 800 spans were not acknowledged: 7 spans have no id`,
		},
		{
			"patience ends",
			func(int) (ptraceotlp.ExportResponse, error) {
				return ptraceotlp.NewExportResponse(), status.Error(codes.Unavailable, "starting up")
			},
			`^800 of 800 spans were not acknowledged: .*starting up`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, address := startReceiver(t, test.answer)
			err := run(t.Context(), []string{"--traces", "100", "--end", testEnd, "--otlp-grpc", address, "--patience", "250ms"}, io.Discard, io.Discard)
			if err == nil || !regexp.MustCompile(test.want).MatchString(err.Error()) {
				t.Errorf("got error %v, want one that matches %q", err, test.want)
			}
		})
	}
}

func TestPercentilesAreNearestRank(t *testing.T) {
	var times []time.Duration
	for i := range 1000 {
		times = append(times, time.Duration(1000-i)*time.Millisecond)
	}
	const want = "p50 500.0 ms, p99 990.0 ms, p99.9 999.0 ms, max 1000.0 ms (n 1000)"
	if got := percentiles(times); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSendOverHTTPRepeatsAndDelivers(t *testing.T) {
	calls, spans := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		body, err := io.ReadAll(r.Body)
		request := ptraceotlp.NewExportRequest()
		if err != nil || request.UnmarshalProto(body) != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("the server cannot read what came to %s", r.URL.Path)
		}
		spans += request.Traces().SpanCount()
	}))
	defer server.Close()
	var stdout bytes.Buffer
	err := run(t.Context(), []string{"--traces", "500", "--end", testEnd, "--otlp-http", server.Listener.Addr().String(), "--connections", "1"}, &stdout, io.Discard)
	if err != nil || spans != 4000 || !strings.Contains(stdout.String(), "retries 1,") {
		t.Errorf("the server took %d spans, want 4000; %v; it said\n%s", spans, err, stdout.String())
	}
}

func TestSendOverHTTPGivesUpWhereOTLPSaysSo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not today", http.StatusBadRequest)
	}))
	defer server.Close()
	err := run(t.Context(), []string{"--traces", "100", "--end", testEnd, "--otlp-http", server.Listener.Addr().String()}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "800 of 800 spans were not acknowledged") || !strings.Contains(err.Error(), "not today") {
		t.Errorf("got error %v", err)
	}
}
