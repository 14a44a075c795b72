package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// maxAbusedRSS is what a server may take at most while it is attacked. The race detector takes several times as much for
// itself, so that a process that has it is looked at for its answers only.
const maxAbusedRSS = 1 << 30

var raceDetector bool

// A bomb is a message that is small on the wire and large in memory.
type bomb struct {
	name, path, coding string
	body               []byte
}

func makeBombs(t *testing.T) (list []bomb) {
	t.Helper()
	const traces, metrics = "traces", "metrics"
	zeros := make([]byte, 24<<20)
	points := pmetric.NewMetrics()
	data := points.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
	for range 60_000 {
		data.AppendEmpty().Attributes().PutStr("a", "bcdefgh")
	}
	manyPoints, err := new(pmetric.ProtoMarshaler).MarshalMetrics(points)
	if err != nil {
		t.Fatal(err)
	}
	b := killBatch{}
	td := b.request().Traces()
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range 40_000 {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{15: 1})
		s.SetSpanID(pcommon.SpanID{7: byte(i + 1), 0: 1})
		s.SetStartTimestamp(1)
		s.SetEndTimestamp(2)
	}
	manySpans, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	pack := func(plain []byte, open func(io.Writer) io.WriteCloser) []byte {
		var packed bytes.Buffer
		w := open(&packed)
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return packed.Bytes()
	}
	asGzip := func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
	asZlib := func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
	asZstd := func(window int) func(io.Writer) io.WriteCloser {
		return func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			return z
		}
	}
	return []bomb{
		{"zeros in gzip", traces, "gzip", pack(zeros, asGzip)},
		{"zeros in zstd", traces, "zstd", pack(zeros, asZstd(8<<20))},
		{"zeros in zstd with the largest window", traces, "zstd", pack(zeros, asZstd(zstd.MaxWindowSize))},
		{"zeros in deflate", traces, "deflate", pack(zeros, asZlib)},
		{"many spans", traces, "gzip", pack(manySpans, asGzip)},
		{"many points", metrics, "zstd", pack(manyPoints, asZstd(8<<20))},
		{"zeros as they are", traces, "", zeros[:19<<20]},
	}
}

// send sends the bomb and returns the code of the answer: HTTP's, or gRPC's, which is below 100.
func (b bomb) send(ctx context.Context, client *http.Client, address string, overGRPC bool) (code int, err error) {
	url, content, message := "http://"+address+"/v1/"+b.path, "application/x-protobuf", io.Reader(bytes.NewReader(b.body))
	if overGRPC {
		service := map[string]string{"traces": "trace.v1.TraceService", "metrics": "metrics.v1.MetricsService"}[b.path]
		url = "http://" + address + "/opentelemetry.proto.collector." + service + "/Export"
		content = "application/grpc"
		head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b.body)))
		if b.coding != "" {
			head[0] = 1
		}
		message = io.MultiReader(bytes.NewReader(head), message)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, message)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", content)
	switch {
	case b.coding == "":
	case overGRPC:
		r.Header.Set("Grpc-Encoding", b.coding)
	default:
		r.Header.Set("Content-Encoding", b.coding)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || !overGRPC {
		return response.StatusCode, err
	}
	return strconv.Atoi(response.Header.Get("Grpc-Status") + response.Trailer.Get("Grpc-Status"))
}

// TestBombsFromAHundredClientsLeaveAServerSmall attacks a server in a process of its own, over both protocols, and looks
// how large the process got, with its database. A good client goes on sending.
func TestBombsFromAHundredClientsLeaveAServerSmall(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the memory of a process is read from /proc")
	}
	k := &killing{t: t, db: filepath.Join(t.TempDir(), "a.db"), http: "127.0.0.1:0"}
	k.serve()
	defer k.kill()
	bombs := makeBombs(t)
	conn, err := grpc.NewClient(k.info.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var attackers, friend sync.WaitGroup
	over, stop := context.WithCancel(t.Context())
	stored, again := 0, 0
	friend.Go(func() {
		for b := (&killBatch{}); over.Err() == nil; b.number++ {
			_, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), b.request())
			switch status.Code(err) {
			case codes.OK:
				stored++
			case codes.ResourceExhausted, codes.Canceled:
				again++
			default:
				t.Errorf("the good client gets %v", err)
			}
		}
	})
	var mu sync.Mutex
	answers := map[int]int{}
	for i := range 100 {
		attackers.Go(func() {
			b, address, transport := bombs[i%len(bombs)], k.info.HTTP, &http.Transport{}
			overGRPC := i%2 == 0 && b.coding != "deflate" // which gRPC does not know
			if overGRPC {
				address, transport.Protocols = k.info.GRPC, new(http.Protocols)
				transport.Protocols.SetUnencryptedHTTP2(true)
			}
			defer transport.CloseIdleConnections()
			code, err := b.send(t.Context(), &http.Client{Transport: transport}, address, overGRPC)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				code = -1 // refused while it was still being sent
			}
			answers[code]++
		})
	}
	attackers.Wait()
	stop()
	friend.Wait()
	peak := peakRSS(t, k.cmd.Process.Pid)
	t.Logf("the server took %d MiB at most; answers by code: %v; of the good client %d messages were stored, %d told to come again",
		peak>>20, answers, stored, again)
	if peak > maxAbusedRSS && !raceDetector {
		t.Errorf("the server took %d MiB, want under %d", peak>>20, maxAbusedRSS>>20)
	}
	if stored+again == 0 {
		t.Error("the good client got no answer meanwhile")
	}
	for code := range answers {
		if !slices.Contains(answersToBombs, code) {
			t.Errorf("an answer is %d, want one of %d", code, answersToBombs)
		}
	}
	last := &killBatch{round: 1}
	if _, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), last.request()); err != nil {
		t.Errorf("after the attack, the server answers %v", err)
	}
}

// answersToBombs are those of HTTP and of gRPC. Those that hold valid data may be taken.
var answersToBombs = []int{
	-1, // the connection ended while the bomb was being sent
	http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests,
	int(codes.OK), int(codes.Canceled), int(codes.InvalidArgument), int(codes.ResourceExhausted), int(codes.Internal),
}

// peakRSS is the largest resident set that a process had.
func peakRSS(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	value, _, _ := strings.Cut(rest, "kB")
	kib, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
