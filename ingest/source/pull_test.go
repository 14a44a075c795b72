package source_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest/source"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func withRetryInfo(s *status.Status, d time.Duration) *status.Status {
	with, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
	if err != nil {
		panic(err)
	}
	return with
}

// An apiCase is one API, spoken by a fake server.
type apiCase struct {
	name  string
	model bool // spans come in Jaeger's model
	start func(t *testing.T, s *server) string
	open  func(context.Context, source.Options) (*source.Client, error)
}

func overHTTP(names ...string) func(t *testing.T, s *server) string {
	return func(t *testing.T, s *server) string { return startHTTP(t, s.httpAPIs(names...)) }
}

func overGRPC(names ...string) func(t *testing.T, s *server) string {
	return func(t *testing.T, s *server) string { return startGRPC(t, s, nil, names...) }
}

var apis = []apiCase{
	{source.JaegerV3GRPC, false, overGRPC("v3", "v2"), source.OpenJaeger},
	{source.JaegerV3HTTP, false, overHTTP("v3", "legacy"), source.OpenJaeger},
	{source.JaegerV2GRPC, true, overGRPC("v2"), source.OpenJaeger},
	{source.JaegerLegacy, true, overHTTP("legacy"), source.OpenJaeger},
	{source.TempoV2, false, overHTTP("tempo-v2"), source.OpenTempo},
	{source.TempoV1, false, overHTTP("tempo-v1"), source.OpenTempo},
	{source.TempoV2JSON, false, overHTTP("tempo-v2"), source.OpenTempo},
	{source.TempoV1JSON, false, overHTTP("tempo-v1"), source.OpenTempo},
}

// eachAPI runs a test against every API. Those that are not the best their server speaks are asked for by name.
func eachAPI(t *testing.T, b *backend, o source.Options, test func(t *testing.T, a apiCase, s *server, c *source.Client, w *waits)) {
	for _, a := range apis {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			s, w := &server{backend: b}, &waits{}
			o := o
			o.URL, o.Wait = a.start(t, s), w.wait
			if strings.HasSuffix(a.name, "-json") {
				o.API = a.name
			}
			c, err := a.open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.API() != a.name {
				t.Fatalf("it speaks %s, want %s", c.API(), a.name)
			}
			test(t, a, s, c, w)
		})
	}
}

// pullAll returns all spans in a fixed order.
func pullAll(c *source.Client, r source.Request) (spans []analyzer.Span, slicesDone []source.Slice, err error) {
	err = c.Pull(context.Background(), r, func(batch []analyzer.Span) error {
		spans = append(spans, batch...)
		return nil
	}, func(s source.Slice) error {
		slicesDone = append(slicesDone, s)
		return nil
	})
	sortSpans(spans)
	return spans, slicesDone, err
}

func sortSpans(spans []analyzer.Span) {
	slices.SortFunc(spans, func(a, b analyzer.Span) int {
		return cmp.Or(slices.Compare(a.TraceID[:], b.TraceID[:]), slices.Compare(a.ID[:], b.ID[:]))
	})
}

// all returns what a pull through an API must give.
func (b *backend) all(a apiCase) []analyzer.Span {
	spans := slices.Concat(b.traces...)
	for i := range spans {
		if a.model {
			spans[i] = withTags(spans[i])
		}
	}
	sortSpans(spans)
	return spans
}

func compareSpans(t *testing.T, want, got []analyzer.Span) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%d spans arrived, want %d", len(got), len(want))
	}
	for i := range want {
		if diff := gocmp.Diff(want[i], got[i], gocmp.Comparer(func(a, b analyzer.Value) bool { return a.Equal(b) })); diff != "" {
			t.Fatalf("span %d differs (-sent +arrived):\n%s", i, diff)
		}
	}
}

// Every trace arrives, once, however many times more there are than one search gives, and although each trace is of two
// services and some are too dense to be told apart by time.
func TestEverySpanArrivesOnce(t *testing.T) {
	b := traffic(1500, noon, 20*time.Minute)
	dense := traffic(130, noon.Add(7*time.Minute), 0)
	for i, trace := range dense.traces {
		for j := range trace {
			trace[j].TraceID[1] = 7
		}
		dense.traces[i] = trace
	}
	b.traces = append(b.traces, dense.traces...)
	eachAPI(t, b, source.Options{}, func(t *testing.T, a apiCase, _ *server, c *source.Client, _ *waits) {
		got, done, err := pullAll(c, source.Request{From: noon.Add(-time.Hour), To: noon.Add(time.Hour), Depth: 50})
		if err != nil {
			t.Fatal(err)
		}
		compareSpans(t, b.all(a), got)
		if !done[0].From.Equal(noon.Add(-time.Hour)) || !done[len(done)-1].To.Equal(noon.Add(time.Hour)) {
			t.Errorf("slices from %v to %v", done[0].From, done[len(done)-1].To)
		}
		for i := range done[1:] {
			if !done[i].To.Equal(done[i+1].From) {
				t.Errorf("a gap between slices: %v, %v", done[i].To, done[i+1].From)
			}
		}
		if n := c.Stats().Warnings["times_in_microseconds"]; (n != 0) != (a.name == source.JaegerLegacy) || (n != 0 && n != len(got)) {
			t.Errorf("times of %d spans were cut", n)
		}
		if s := c.Stats(); s.Traces != len(b.traces) || s.Spans != len(got) || s.Halved == 0 || s.Refused.Total() != 0 || s.Missing != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

// One service's traces are those with a span of it.
func TestOneService(t *testing.T) {
	b := traffic(20, noon, time.Minute)
	b.traces = append(b.traces, b.traces[0][:1:1])
	other := b.traces[len(b.traces)-1]
	other = slices.Clone(other)
	other[0].TraceID = analyzer.TraceID{9}
	b.traces[len(b.traces)-1] = other // of chat alone
	eachAPI(t, b, source.Options{}, func(t *testing.T, _ apiCase, _ *server, c *source.Client, _ *waits) {
		got, _, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Hour), Services: []string{"engine"}})
		if err != nil || len(got) != 40 {
			t.Errorf("%d spans, want 40; %v", len(got), err)
		}
		services, err := c.Services(t.Context())
		slices.Sort(services)
		if want := []string{"chat", "engine"}; !slices.Equal(services, want) || err != nil {
			t.Errorf("services %q, want %q; %v", services, want, err)
		}
	})
}

func TestOperations(t *testing.T) {
	eachAPI(t, traffic(1, noon, 0), source.Options{}, func(t *testing.T, a apiCase, _ *server, c *source.Client, _ *waits) {
		if a.name == source.TempoV1 || a.name == source.TempoV1JSON {
			t.Skip("version 1 lists tags of spans, and a span's name is none")
		}
		list, err := c.Operations(t.Context(), "chat")
		if err != nil || len(list) != 1 || list[0].Name != "chat" {
			t.Errorf("operations: %v; %v", list, err)
		}
	})
}

// An empty window is no error.
func TestNothingThere(t *testing.T) {
	eachAPI(t, traffic(3, noon, time.Minute), source.Options{}, func(t *testing.T, _ apiCase, _ *server, c *source.Client, _ *waits) {
		got, _, err := pullAll(c, source.Request{From: noon.Add(time.Hour), To: noon.Add(2 * time.Hour)})
		if err != nil || len(got) != 0 {
			t.Errorf("%d spans; %v", len(got), err)
		}
	})
}

// A fault that passes costs attempts and no spans; what a server asks to wait is waited.
func TestFaultsThatPass(t *testing.T) {
	b := traffic(40, noon, time.Minute)
	for _, f := range []fault{
		{name: "429", status: 429, retryAfter: "7"},
		{name: "503", status: 503},
		{name: "502", status: 502},
		{name: "cut", cut: true},
		{name: "truncated", truncated: true},
		{name: "slow", slow: true},
		{name: "exhausted", code: codes.ResourceExhausted, delay: 7 * time.Second},
		{name: "unavailable", code: codes.Unavailable},
		{name: "broken off", code: codes.Unavailable, midStream: true},
	} {
		t.Run(f.name, func(t *testing.T) {
			eachAPI(t, b, source.Options{Timeout: 300 * time.Millisecond}, func(t *testing.T, a apiCase, s *server, c *source.Client, w *waits) {
				grpc := strings.HasSuffix(a.name, "-grpc")
				if (f.code != codes.OK) != grpc && !f.slow {
					return // it is not of this transport
				}
				if f.slow {
					s.fail(f)
				} else {
					s.fail(f, f, f)
				}
				got, _, err := pullAll(c, source.Request{From: noon, To: noon.Add(10 * time.Minute)})
				if err != nil {
					t.Fatal(err)
				}
				compareSpans(t, b.all(a), got)
				if n := c.Stats().Retries; n < 1 || n > 3 || len(w.list) != n {
					t.Errorf("%d attempts more, %d pauses", n, len(w.list))
				}
				if (f.retryAfter != "" || f.delay > 0) && slices.Min(w.list) < 7*time.Second {
					t.Errorf("pauses %v, although the server asked for 7 s", w.list)
				}
			})
		})
	}
}

// A fault that stays ends the pull with an error that says what failed; all slices before it are complete, and a later
// pull from there gets the rest.
func TestFaultsThatStay(t *testing.T) {
	b := traffic(400, noon, 2*time.Hour)
	for _, f := range []fault{
		{name: "503", status: 503},
		{name: "500", status: 500},
		{name: "cut", cut: true},
		{name: "truncated", truncated: true},
		{name: "slow", slow: true},
		{name: "unavailable", code: codes.Unavailable},
		{name: "internal", code: codes.Internal},
		{name: "broken off", code: codes.Unavailable, midStream: true},
	} {
		t.Run(f.name, func(t *testing.T) {
			eachAPI(t, b, source.Options{Timeout: 200 * time.Millisecond, Attempts: 2}, func(t *testing.T, a apiCase, s *server, c *source.Client, _ *waits) {
				grpc := strings.HasSuffix(a.name, "-grpc")
				if (f.code != codes.OK) != grpc && !f.slow {
					return // it is not of this transport
				}
				var got, complete []analyzer.Span
				var upTo time.Time
				request := source.Request{From: noon, To: noon.Add(3 * time.Hour), Depth: 100}
				err := c.Pull(t.Context(), request, func(batch []analyzer.Span) error {
					got = append(got, batch...)
					return nil
				}, func(slice source.Slice) error {
					upTo, complete = slice.To, slices.Clone(got)
					s.fail(slices.Repeat([]fault{f}, 100)...)
					return nil
				})
				if err == nil || !strings.Contains(err.Error(), "from "+upTo.Format(time.RFC3339)) {
					t.Fatalf("error %v does not say that it failed from %v on", err, upTo)
				}
				s.fail()
				request.From = upTo
				rest, _, err := pullAll(c, request)
				if err != nil {
					t.Fatal(err)
				}
				all := append(complete, rest...)
				sortSpans(all)
				all = slices.CompactFunc(all, func(a, b analyzer.Span) bool { return a.TraceID == b.TraceID && a.ID == b.ID })
				known := map[analyzer.TraceID]bool{}
				for _, span := range all {
					known[span.TraceID] = true
				}
				for _, span := range got { // traces of the slice that failed came before, and come once
					if !known[span.TraceID] {
						all = append(all, span)
					}
				}
				sortSpans(all)
				compareSpans(t, b.all(a), all)
			})
		})
	}
}

var errFull = errors.New("disk full")

// What fails while spans are stored ends the pull, too.
func TestStoringFails(t *testing.T) {
	eachAPI(t, traffic(3, noon, time.Minute), source.Options{}, func(t *testing.T, _ apiCase, _ *server, c *source.Client, _ *waits) {
		request := source.Request{From: noon, To: noon.Add(time.Hour)}
		err := c.Pull(t.Context(), request, func([]analyzer.Span) error { return errFull }, func(source.Slice) error { return nil })
		if !errors.Is(err, errFull) {
			t.Errorf("error %v", err)
		}
	})
}

// A server whose searches never give more than some number, asked for just that many, gets a warning.
func TestSearchThatGivesNoMore(t *testing.T) {
	b := traffic(80, noon, 0)
	b.cap = 50
	eachAPI(t, b, source.Options{}, func(t *testing.T, _ apiCase, _ *server, c *source.Client, _ *waits) {
		_, _, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Minute), Depth: 50})
		if err != nil || c.Stats().Warnings["search_gives_no_more"] == 0 {
			t.Errorf("warnings %v; %v", c.Stats().Warnings, err)
		}
	})
}

// Jaeger on Cassandra looks at three spans for each trace asked for, and gives the traces of those: fewer than asked
// for, and still not all. Every trace arrives all the same, short and long ones.
func TestSearchThatCountsSpans(t *testing.T) {
	for name, perTrace := range map[string]int{"dozens of spans": 40, "hundreds of spans": 700} {
		t.Run(name, func(t *testing.T) {
			b := &backend{rows: 3}
			for _, trace := range traffic(60, noon, 10*time.Minute).traces {
				for n := range perTrace {
					s := trace[1]
					s.ID = analyzer.SpanID{3, byte(n), byte(n >> 8)}
					s.Start += int64(n) * 1000
					trace = append(trace, s)
				}
				b.traces = append(b.traces, trace)
			}
			for _, a := range apis[:4] {
				t.Run(a.name, func(t *testing.T) {
					c, err := a.open(t.Context(), source.Options{URL: a.start(t, &server{backend: b})})
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					got, _, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Hour), Depth: 50, Services: []string{"engine"}})
					if err != nil || len(got) != 60*(perTrace+2) {
						t.Errorf("%d spans, want %d; %v", len(got), 60*(perTrace+2), err)
					}
					t.Logf("%d requests", c.Stats().Requests)
				})
			}
		})
	}
}
