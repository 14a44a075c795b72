package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/storage"
	"github.com/slowtoken/slowtoken/storage/remote"
)

// The load of TestKillRounds: so many clients, each sending messages of so many traces, and waiting for the answer.
const (
	killClients       = 4
	killTraces        = 50
	killSpansPerTrace = 4
	killBatchSpans    = killTraces * killSpansPerTrace
)

// TestKillRounds kills a server at random instants, under load and while it starts, and starts it again: whatever was
// acknowledged is there, once; what was not acknowledged and is sent again is there, and counts once. The environment
// variable SLOWTOKEN_KILL_ROUNDS asks for more rounds: make kill-rounds.
func TestKillRounds(t *testing.T) {
	rounds := 10
	if text := os.Getenv("SLOWTOKEN_KILL_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("SLOWTOKEN_KILL_ROUNDS: %v", err)
		}
		rounds = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := &killing{t: t, rng: rand.New(rand.NewPCG(seed, 0)), db: filepath.Join(t.TempDir(), "a.db")}
	for k.round = range rounds {
		k.startAndKillEarly()
		k.serve()
		k.check(k.round-1, k.round) // what the last round left, read through the new server
		k.load()
	}
	k.serve()
	k.resend()
	k.stop()
	total, twice := k.check(0, rounds)
	k.answers()
	t.Logf("%d rounds, %d kills: %d spans acknowledged, 0 lost, 0 counted twice; %d were sent again after a kill and are stored twice",
		rounds, k.kills, total, twice)
}

type killing struct {
	t     *testing.T
	rng   *rand.Rand
	db    string
	http  string // where to listen; off if empty
	round int
	kills int

	cmd     *exec.Cmd
	said    bytes.Buffer // what the server that runs, or ran last, wrote to stderr
	info    remote.Info
	batches []*killBatch
	pending []*killBatch // sent, and not acknowledged: to be sent again
}

// A killBatch is one message of one client, which says when its spans are and which ids they have.
type killBatch struct {
	round, client, number int
	acknowledged, resent  bool
}

func (b *killBatch) traceID(trace int) (id analyzer.TraceID) {
	binary.BigEndian.PutUint32(id[:], uint32(b.round+1))
	binary.BigEndian.PutUint32(id[4:], uint32(b.client))
	binary.BigEndian.PutUint32(id[8:], uint32(b.number))
	binary.BigEndian.PutUint32(id[12:], uint32(trace))
	return id
}

// killStart is when the spans of a round begin, an hour after those of the round before.
func killStart(round int) int64 { return 1_700_000_000e9 + int64(round)*int64(time.Hour) }

func (b *killBatch) request() ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "killed")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for trace := range killTraces {
		start := killStart(b.round) + int64(b.number)*1e6 + int64(trace)*1e3
		for i := range killSpansPerTrace {
			s := spans.AppendEmpty()
			s.SetTraceID(pcommon.TraceID(b.traceID(trace)))
			s.SetSpanID(pcommon.SpanID{7: byte(i + 1)})
			s.SetName("chat m")
			s.SetStartTimestamp(pcommon.Timestamp(start))
			s.SetEndTimestamp(pcommon.Timestamp(start + 1e9))
			s.Attributes().PutInt("work", int64(i))
			if i == 0 {
				s.SetKind(ptrace.SpanKindServer)
				s.Attributes().PutStr("gen_ai.operation.name", "chat")
				s.Attributes().PutStr("gen_ai.request.model", "m")
			} else {
				s.SetParentSpanID(pcommon.SpanID{7: 1})
				s.SetName("step")
			}
		}
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

// start runs slowtoken serve in a process of its own.
func (k *killing) start() {
	k.t.Helper()
	k.cmd = exec.Command("slowtoken", "serve", "--db", k.db, "--log-level", "error",
		"--otlp-grpc-endpoint", "127.0.0.1:0", "--otlp-http-endpoint", cmp.Or(k.http, "off"), "--admin-endpoint", "off")
	k.cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(k.db), "XDG_CONFIG_HOME="+filepath.Dir(k.db))
	k.said.Reset()
	k.cmd.Stderr = &k.said
	if err := k.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
}

func (k *killing) kill() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait() // of a killed process: always an error
	k.kills++
}

// startAndKillEarly kills every third server while it opens the database that the last one left.
func (k *killing) startAndKillEarly() {
	if k.rng.IntN(3) == 0 {
		k.start()
		time.Sleep(time.Duration(k.rng.IntN(300)) * time.Millisecond)
		k.kill()
	}
}

// serve starts a server and waits until it answers.
func (k *killing) serve() {
	k.t.Helper()
	k.start()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	for {
		info, alive, err := findServer(ctx, k.db)
		if err == nil && alive && info.PID == k.cmd.Process.Pid {
			k.info = *info
			return
		}
		if pause(ctx, 10*time.Millisecond) != nil {
			k.kill()
			k.t.Fatalf("round %d: the server did not come up again; it says:\n%s", k.round, &k.said)
		}
	}
}

// load has the clients send until the server is killed under them.
func (k *killing) load() {
	k.t.Helper()
	most := 500
	if k.round%10 == 5 {
		most = 4000 // long enough for a checkpoint
	}
	wait := time.Duration(k.rng.IntN(most)) * time.Millisecond
	first := make(chan struct{}, killClients)
	var mu sync.Mutex
	again := k.pending
	k.pending = nil
	var clients sync.WaitGroup
	for client := range killClients {
		clients.Go(func() {
			conn, err := grpc.NewClient(k.info.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				k.t.Error(err)
				return
			}
			defer conn.Close()
			export := ptraceotlp.NewGRPCClient(conn)
			for number := 0; ; number++ {
				b := &killBatch{round: k.round, client: client, number: number}
				mu.Lock()
				if len(again) > 0 {
					b, again = again[0], again[1:]
					b.resent = true
					number--
				} else {
					k.batches = append(k.batches, b)
				}
				mu.Unlock()
				_, err := export.Export(context.Background(), b.request())
				mu.Lock()
				b.acknowledged = err == nil
				if err != nil {
					k.pending = append(k.pending, b)
				}
				mu.Unlock()
				if err != nil {
					return
				}
				select {
				case first <- struct{}{}:
				default:
				}
			}
		})
	}
	select {
	case <-first:
	case <-time.After(time.Minute):
		k.t.Error("nothing was acknowledged within a minute")
	}
	time.Sleep(wait)
	k.kill()
	clients.Wait()
	k.pending = append(k.pending, again...)
}

// resend sends what is left and must be taken now.
func (k *killing) resend() {
	k.t.Helper()
	conn, err := grpc.NewClient(k.info.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		k.t.Fatal(err)
	}
	defer conn.Close()
	for _, b := range k.pending {
		if _, err := ptraceotlp.NewGRPCClient(conn).Export(k.t.Context(), b.request()); err != nil {
			k.t.Fatal(err)
		}
		b.acknowledged, b.resent = true, true
	}
}

func (k *killing) stop() {
	k.t.Helper()
	if err := k.cmd.Process.Signal(os.Interrupt); err != nil {
		k.t.Fatal(err)
	}
	if err := k.cmd.Wait(); err != nil {
		k.t.Fatalf("the last server: %v\n%s", err, &k.said)
	}
	entries, err := os.ReadDir(filepath.Dir(k.db))
	if err != nil {
		k.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(k.db) {
			k.t.Errorf("%s is left beside the database", e.Name())
		}
	}
}

// check reads the spans of some rounds and holds them against what their clients were told. It returns how many spans
// were acknowledged and how many are stored twice.
func (k *killing) check(first, end int) (acknowledged, twice int) {
	k.t.Helper()
	store, err := remote.Open(k.t.Context(), storage.Options{Path: k.db, ReadOnly: true}, buildVersion())
	if err != nil {
		k.t.Fatalf("round %d: %v", k.round, err)
	}
	defer store.Close()
	type place struct{ round, client, number uint32 }
	copies := map[place]*[killBatchSpans]uint8{}
	for spans, err := range store.Spans(k.t.Context(), storage.Query{Since: killStart(first), Until: killStart(end)}) {
		if err != nil {
			k.t.Fatal(err)
		}
		for i := range spans {
			id := spans[i].TraceID
			at := place{binary.BigEndian.Uint32(id[:]) - 1, binary.BigEndian.Uint32(id[4:]), binary.BigEndian.Uint32(id[8:])}
			if copies[at] == nil {
				copies[at] = new([killBatchSpans]uint8)
			}
			copies[at][int(binary.BigEndian.Uint32(id[12:]))*killSpansPerTrace+int(spans[i].ID[7])-1]++
		}
	}
	for _, b := range k.batches {
		if b.round < first || b.round >= end {
			continue
		}
		at := place{uint32(b.round), uint32(b.client), uint32(b.number)}
		there := copies[at]
		delete(copies, at)
		if there == nil {
			there = new([killBatchSpans]uint8)
		}
		least, most := uint8(0), uint8(1)
		if b.acknowledged {
			least = 1
			acknowledged += killBatchSpans
		}
		if b.resent {
			most = math.MaxUint8 // each attempt that was killed may have been stored
		}
		for i, n := range there {
			if n != there[0] || n < least || n > most {
				k.t.Fatalf("round %d, client %d, message %d (acknowledged: %t, sent again: %t): span %d is there %d times, the first %d times",
					b.round, b.client, b.number, b.acknowledged, b.resent, i, n, there[0])
			}
		}
		if there[0] > 1 {
			twice += killBatchSpans
		}
	}
	if len(copies) > 0 {
		k.t.Fatalf("rounds %d to %d: %d messages are stored that nobody sent", first, end, len(copies))
	}
	return acknowledged, twice
}

// answers checks that analysis counts every trace once, those that are stored twice too.
func (k *killing) answers() {
	k.t.Helper()
	cmd := exec.Command("slowtoken", "analyze", "--db", k.db, "-o", "json")
	cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(k.db), "XDG_CONFIG_HOME="+filepath.Dir(k.db))
	out, err := cmd.Output()
	if err != nil {
		k.t.Fatalf("analyze: %v", err)
	}
	var answer struct {
		Requests struct {
			Total int `json:"total"`
		} `json:"requests"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		k.t.Fatal(err)
	}
	if want := len(k.batches) * killTraces; answer.Requests.Total != want {
		k.t.Errorf("analyze counts %d requests, want %d", answer.Requests.Total, want)
	}
}
