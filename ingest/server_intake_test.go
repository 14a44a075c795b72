package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// hurried makes waits short.
func hurried(s *Server) *Server {
	s.intake.patience, s.intake.crowdedAfter, s.intake.slowReading = 200*time.Millisecond, 50*time.Millisecond, 100*time.Millisecond
	return s
}

// wantBusy checks that both protocols send a message back with a pause.
func wantBusy(t *testing.T, s *Server) {
	t.Helper()
	_, err := dial(t, s.Info().GRPC).Export(t.Context(), request(spansNamed("a")))
	if got := status.Convert(err); got.Code() != codes.ResourceExhausted || retryInfo(got) < time.Second {
		t.Errorf("gRPC answers %v with a pause of %v, want ResourceExhausted and at least 1 s", err, retryInfo(got))
	}
	for _, coding := range []string{"", "zstd"} {
		got := post(t, s, "/v1/traces", packers[coding](encode(t, spansNamed("a"), false)), contentProto, coding)
		if got.code != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" {
			t.Errorf("HTTP answers %d, Retry-After %q; want 429 and 1", got.code, got.header.Get("Retry-After"))
		}
	}
}

func TestMessagesThatFindNoRoomDecodedAreSentBack(t *testing.T) {
	s := hurried(startServer(t, ServerConfig{}, &memorySink{}))
	full, err := s.intake.keep(t.Context(), keptBytes)
	if err != nil {
		t.Fatal(err)
	}
	wantBusy(t, s)
	wantMetric(t, s, `slowtoken_messages_refused_total{reason="busy",transport="grpc"} 1`)
	wantMetric(t, s, `slowtoken_messages_refused_total{reason="busy",transport="http"} 2`)
	full.release()
	wantService(t, s)
	wantEmptyIntake(t, s)
}

func TestMessagesAreSentBackAtOnceWhileOthersWaitLong(t *testing.T) {
	s := hurried(startServer(t, ServerConfig{}, &memorySink{}))
	s.intake.patience = time.Minute
	full, err := s.intake.read(t.Context(), readingBytes, func() {})
	if err != nil {
		t.Fatal(err)
	}
	waits, hangUp := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if r, err := s.intake.read(waits, 1, func() {}); err == nil {
			r.done()
		}
	}()
	for !s.intake.crowded() {
		time.Sleep(time.Millisecond)
	}
	wantBusy(t, s)
	hangUp()
	<-gone
	full.done()
	wantService(t, s)
	wantEmptyIntake(t, s)
}

// wantEmptyIntake waits until nothing is held any more: what is left over would shrink the intake for good.
func wantEmptyIntake(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := errors.Join(s.intake.reading.Acquire(ctx, readingBytes), s.intake.kept.Acquire(ctx, keptBytes)); err != nil {
		t.Errorf("some of the intake is still held after all was answered: %v", err)
	}
}

// TestAMessageThatStallsGivesWay has senders hold all of the intake with messages that do not go on.
func TestAMessageThatStallsGivesWay(t *testing.T) {
	s := hurried(startServer(t, ServerConfig{}, &memorySink{}))
	s.intake.patience, s.intake.crowdedAfter = time.Minute, time.Minute
	stalled := make(chan struct{})
	defer close(stalled)
	var sent atomic.Int64
	stall := func(transport *http.Transport, url, content string, head []byte) {
		body := io.MultiReader(bytes.NewReader(head), readerFunc(func([]byte) (int, error) {
			sent.Add(1)
			<-stalled
			return 0, io.EOF
		}))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
		if err != nil {
			t.Error(err)
			return
		}
		r.ContentLength = 19 << 20
		r.Header.Set("Content-Type", content)
		if response, err := httpClient(t, transport).Do(r); err == nil {
			_ = response.Body.Close()
		}
	}
	const each = 8
	for range each {
		go stall(&http.Transport{}, "http://"+s.Info().HTTP+"/v1/traces", contentProto, make([]byte, 1000))
		var protocols http.Protocols
		protocols.SetUnencryptedHTTP2(true)
		go stall(&http.Transport{Protocols: &protocols}, "http://"+s.Info().GRPC+"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
			"application/grpc", append([]byte{0, 1, 0, 0, 0}, make([]byte, 1000)...))
	}
	for sent.Load() < 2*each {
		time.Sleep(time.Millisecond)
	}
	wantService(t, s)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestASecondMessageOfACallIsLetGo sends two messages where one is due: the call fails, and nothing of it is kept.
func TestASecondMessageOfACallIsLetGo(t *testing.T) {
	s := startServer(t, ServerConfig{}, &memorySink{})
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	message := encode(t, spansNamed("a"), false)
	framed := append([]byte{0, 0, 0, 0, byte(len(message))}, message...)
	code, err := callFramed(t.Context(), httpClient(t, &http.Transport{Protocols: &protocols}), s, "", slices.Concat(framed, framed))
	if err != nil || code != int(codes.Internal) {
		t.Errorf("two messages in one call get %d, %v; want %d", code, err, codes.Internal)
	}
	wantService(t, s)
	wantEmptyIntake(t, s)
}
