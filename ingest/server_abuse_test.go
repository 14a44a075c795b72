package ingest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	_ "google.golang.org/grpc/encoding/gzip" // so that the client can send it
)

// wantService fails the test unless both ports take spans.
func wantService(t *testing.T, s *Server) {
	t.Helper()
	if _, err := dial(t, s.Info().GRPC).Export(t.Context(), request(spansNamed("after"))); err != nil {
		t.Errorf("after the attack, gRPC answers %v", err)
	}
	if got := post(t, s, "/v1/traces", encode(t, spansNamed("after"), false), contentProto, ""); got.code != http.StatusOK {
		t.Errorf("after the attack, HTTP answers %d: %s", got.code, got.body)
	}
}

func TestAHundredClientsAtOnceLoseNothing(t *testing.T) {
	const clients, requests = 100, 5
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	body := encode(t, spansNamed("a", "b"), false)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			export := dial(t, s.Info().GRPC)
			client := httpClient(t, &http.Transport{})
			for range requests {
				if i%2 == 0 {
					if _, err := export.Export(t.Context(), request(spansNamed("a", "b"))); err != nil {
						t.Errorf("client %d: %v", i, err)
					}
				} else if got := postTo(t, client, "http://"+s.Info().HTTP+"/v1/traces", body, contentProto, "", ""); got.code != http.StatusOK {
					t.Errorf("client %d: HTTP answers %d", i, got.code)
				}
			}
		})
	}
	all.Wait()
	if got, want := len(sink.names()), clients*requests*2; got != want {
		t.Errorf("%d spans are stored, want %d", got, want)
	}
}

// connectTo opens a plain connection that ends with the test.
func connectTo(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func timedOut(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

// wantHangUp waits until the server ends a connection on which the client goes on sending a byte at a time.
func wantHangUp(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for ctx.Err() == nil {
			if _, err := conn.Write([]byte("a")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond) // the attack: always some progress
		}
	}()
	_, err := io.Copy(io.Discard, conn) // until the server closes
	if timedOut(err) {
		t.Error("the server still waits for a sender of single bytes")
	}
}

// TestSlowSendersAreHungUpOn has many clients send a byte at a time; the limits on time are the defaults, shortened.
func TestSlowSendersAreHungUpOn(t *testing.T) {
	s := startServer(t, ServerConfig{Receiver: map[string]any{"protocols": map[string]any{
		"grpc": nil,
		"http": map[string]any{"read_header_timeout": "300ms", "read_timeout": "600ms"},
	}}}, &memorySink{})
	starts := map[string]string{
		"headers": "POST /v1/traces HTTP/1.1\r\nHost: a\r\nX-",
		"body":    "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000000\r\n\r\n",
	}
	var all sync.WaitGroup
	for _, start := range starts {
		for range 25 {
			conn := connectTo(t, s.Info().HTTP)
			if _, err := io.WriteString(conn, start); err != nil {
				t.Fatal(err)
			}
			all.Go(func() { wantHangUp(t, conn) })
		}
	}
	for range 50 { // half-open: connected, the first half of HTTP/2's preface, and no more
		if _, err := io.WriteString(connectTo(t, s.Info().GRPC), "PRI * HTTP/2.0\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	wantService(t, s) // beside them
	all.Wait()
	wantService(t, s)
}

// TestTooManyPingsAreHungUpOn sends what keeps an HTTP/2 connection busy without ever calling.
func TestTooManyPingsAreHungUpOn(t *testing.T) {
	s := startServer(t, ServerConfig{}, &memorySink{})
	conn := connectTo(t, s.Info().GRPC)
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}
	ping := append([]byte{0, 0, 8, 6, 0, 0, 0, 0, 0}, make([]byte, 8)...)
	if _, err := conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), append(settings, bytes.Repeat(ping, 100)...)...)); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if timedOut(err) || !bytes.Contains(answer, []byte("too_many_pings")) {
		t.Errorf("a hundred pings at once get %.200q, %v; want the connection to end with too_many_pings", answer, err)
	}
	wantService(t, s)
}

func TestGarbageOnBothPortsHarmsNobody(t *testing.T) {
	s := startServer(t, ServerConfig{}, &memorySink{})
	for _, address := range []string{s.Info().GRPC, s.Info().HTTP} {
		for name, garbage := range map[string]string{
			"zeros":              strings.Repeat("\x00", 100_000),
			"ones":               strings.Repeat("\xff", 100_000),
			"HTTP/1":             "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			"an HTTP/2 preface":  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\xff", 1000),
			"a very long line":   "POST /" + strings.Repeat("a", 2<<20),
			"a length that lies": "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: 99999999999\r\n\r\n\n\xff\xff\xff\x7f",
		} {
			t.Run(name, func(t *testing.T) {
				conn := connectTo(t, address)
				_, _ = io.WriteString(conn, garbage) // the server may hang up in the middle
				if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
					return
				}
				_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
				_, err := io.Copy(io.Discard, conn)
				if timedOut(err) {
					t.Error("the server waits for more")
				}
			})
		}
		if _, err := tls.Dial("tcp", address, &tls.Config{MinVersion: tls.VersionTLS13}); err == nil {
			t.Errorf("%s speaks TLS and was not told to", address)
		}
	}
	wantService(t, s)
}
