package ingest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxAbusedHeap is how far the heap may grow under any of the attacks below, those who attack included: what the intake
// lets in, and as much again for what the collector of garbage has not seen to yet.
const maxAbusedHeap = 1 << 30

// An attack is one message, again and again.
type attack struct {
	name   string
	grpc   bool
	coding string
	body   []byte
}

// bombs are messages that are small on the wire and large in memory.
func bombs(t *testing.T) (list []attack) {
	t.Helper()
	zeros := make([]byte, 24<<20)
	pack := func(plain []byte, open func(io.Writer) io.WriteCloser) []byte {
		var packed bytes.Buffer
		w := open(&packed)
		_, err := w.Write(plain)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return packed.Bytes()
	}
	asGzip := func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
	asZstd := func(options ...zstd.EOption) func(w io.Writer) io.WriteCloser {
		return func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w, append(options, zstd.WithEncoderConcurrency(1))...)
			if err != nil {
				t.Fatal(err)
			}
			return z
		}
	}
	// As many spans as a message of that size may hold.
	many := ptrace.NewTraces()
	spans := many.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	one := spansNamed("").ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	for range 60_000 {
		one.CopyTo(spans.AppendEmpty())
	}
	manySpans := encode(t, many, false)
	for _, over := range []bool{false, true} {
		list = append(list,
			attack{"zeros in gzip", over, "gzip", pack(zeros, asGzip)},
			attack{"zeros in zstd", over, "zstd", pack(zeros, asZstd())},
			attack{"zstd that asks for 32 MiB of window", over, "zstd", pack(zeros, asZstd(zstd.WithWindowSize(32<<20)))},
			attack{"zstd that asks for 512 MiB of window", over, "zstd", pack(zeros, asZstd(zstd.WithWindowSize(512<<20)))},
			attack{"60,000 spans in gzip", over, "gzip", pack(manySpans, asGzip)},
			attack{"19 MiB of zeros as they are", over, "", zeros[:19<<20]},
		)
	}
	return append(list, attack{"zeros in deflate", false, "deflate", pack(zeros, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })})
}

// send makes the attack once, and returns the status code of the answer: HTTP's, or gRPC's below 100.
func (a attack) send(ctx context.Context, client *http.Client, s *Server) (code int, err error) {
	if a.grpc {
		head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(a.body)))
		if a.coding != "" {
			head[0] = 1
		}
		return callFramed(ctx, client, s, a.coding, append(head, a.body...))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Info().HTTP+"/v1/traces", bytes.NewReader(a.body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", contentProto)
	if a.coding != "" {
		r.Header.Set("Content-Encoding", a.coding)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// callFramed calls over gRPC with messages behind their heads, as no gRPC client would send them.
func callFramed(ctx context.Context, client *http.Client, s *Server, coding string, framed []byte) (code int, err error) {
	url := "http://" + s.Info().GRPC + "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(framed))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/grpc")
	if coding != "" {
		r.Header.Set("Grpc-Encoding", coding)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, err
	}
	return strconv.Atoi(response.Header.Get("Grpc-Status") + response.Trailer.Get("Grpc-Status"))
}

// refused reports whether an answer is one of those that an attack may get.
func (a attack) refused(code int) bool {
	if a.grpc {
		return code == int(codes.ResourceExhausted) || code == int(codes.Canceled) || code == int(codes.Internal) || code == int(codes.InvalidArgument)
	}
	return code == http.StatusRequestEntityTooLarge || code == http.StatusTooManyRequests || code == http.StatusBadRequest
}

// TestBombsFromAHundredClientsAtOnce has a hundred clients send bombs of all kinds over both protocols at the same time,
// and a good one beside them: memory stays bounded, and the good one is served or told when to come back.
func TestBombsFromAHundredClientsAtOnce(t *testing.T) {
	const clients = 100
	s := startServer(t, ServerConfig{}, &memorySink{forget: true})
	attacks := bombs(t)
	var http2 http.Protocols
	http2.SetUnencryptedHTTP2(true)
	good := dial(t, s.Info().GRPC)
	var stored, sentAgain atomic.Int64
	peak := peakHeap(func() {
		over, stop := context.WithCancel(t.Context())
		var attackers, friend sync.WaitGroup
		friend.Go(func() {
			for over.Err() == nil {
				_, err := good.Export(t.Context(), request(spansNamed("good")))
				switch s := status.Convert(err); {
				case err == nil:
					stored.Add(1)
				case s.Code() == codes.Canceled, s.Code() == codes.ResourceExhausted && retryInfo(s) >= time.Second:
					sentAgain.Add(1)
				default:
					t.Errorf("the good client gets %v", err)
				}
			}
		})
		for i := range clients {
			attackers.Go(func() {
				a := attacks[i%len(attacks)]
				transport := &http.Transport{}
				if a.grpc {
					transport.Protocols = &http2
				}
				code, err := a.send(t.Context(), httpClient(t, transport), s)
				if err != nil { // what is too large is refused while it is still being sent
					if !strings.Contains(err.Error(), "broken pipe") && !strings.Contains(err.Error(), "reset") {
						t.Errorf("%s, gRPC %v: %v", a.name, a.grpc, err)
					}
				} else if !a.refused(code) && !strings.Contains(a.name, "spans") {
					t.Errorf("%s, gRPC %v: the answer is %d", a.name, a.grpc, code)
				}
			})
		}
		attackers.Wait()
		stop()
		friend.Wait()
	})
	t.Logf("the heap grew by %d MiB; of the good client %d messages were stored, %d told to come again", peak>>20, stored.Load(), sentAgain.Load())
	if peak > maxAbusedHeap {
		t.Errorf("%d clients with bombs took %d MiB of heap", clients, peak>>20)
	}
	if stored.Load()+sentAgain.Load() == 0 {
		t.Error("the good client got no answer meanwhile")
	}
	wantService(t, s)
}

// retryInfo returns the pause that a status asks for, 0 for none.
func retryInfo(s *status.Status) time.Duration {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
