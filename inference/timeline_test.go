package inference

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = int64(time.Millisecond)

// told is a request of 1 s as the gateway saw it; its answer was streamed.
var told = Stamps{
	Arrived: 1000 * ms, Queued: 1001 * ms, Granted: 1101 * ms, Tokenized: 1103 * ms, Sent: 1104 * ms,
	First: 1402 * ms, Done: 1952 * ms, Ended: 2000 * ms,
}

var reported = ServerReport{
	First: 1401 * ms, Done: 1951 * ms,
	Total: 845 * time.Millisecond, Load: 20 * time.Millisecond, PromptEval: 200 * time.Millisecond, Eval: 540 * time.Millisecond,
}

func TestTimelines(t *testing.T) {
	later := func(by int64) *ServerReport {
		r := reported
		r.First += by
		r.Done += by
		return &r
	}
	whole := reported
	whole.First = 0
	cold := reported
	cold.Load = 80 * time.Millisecond
	quiet := told
	quiet.Tokenized = 0
	refused := Stamps{Arrived: 1000 * ms, Queued: 1001 * ms, Ended: 1001 * ms}
	gone := Stamps{Arrived: 1000 * ms, Queued: 1001 * ms, Ended: 1070 * ms}
	cut := told
	cut.Done, cut.Ended = 0, 1500*ms
	failed := cut
	failed.First = 0
	var text strings.Builder
	for _, test := range []struct {
		name   string
		s      Stamps
		r      *ServerReport
		served Served
	}{
		{"warm, streamed", told, &reported, Served{Resident: true}},
		{"the gateway owns the queue, no vocabulary", quiet, &reported, Served{Resident: true, OwnsQueue: true}},
		{"not streamed by the server", told, &whole, Served{Resident: true}},
		{"cold", told, &cold, Served{}},
		{"cold, weights seen in the server's log", told, &cold, Served{WeightsFrom: 1126 * ms, WeightsTo: 1176 * ms}},
		{"the server's clock is 5 s ahead", told, later(5000 * ms), Served{Resident: true}},
		{"the server's clock is 3 ms behind", told, later(-3 * ms), Served{Resident: true}},
		{"the queue was full", refused, nil, Served{}},
		{"gave up in the queue", gone, nil, Served{}},
		{"gave up while it was decoded", cut, nil, Served{}},
		{"failed before the first token", failed, nil, Served{}},
	} {
		list, shift := Timeline(test.s, test.r, test.served)
		fmt.Fprintf(&text, "%s: shift %v\n", test.name, time.Duration(shift))
		for _, s := range list {
			var phases []string
			for _, p := range s.Phases {
				phases = append(phases, p.String())
			}
			fmt.Fprintf(&text, "  %4d..%4d %-12s %-8s %s %s\n", s.Start/ms, s.End/ms, s.Name, s.Basis, strings.Join(phases, "|"), s.Detail)
		}
	}
	golden(t, "testdata/timelines.txt", text.String())
}

// Whatever a server reports, segments neither overlap nor leave the request, and with a report they leave no gap.
func TestTimelineTiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		at := int64(1e18)
		next := func() int64 { at += random.Int64N(100 * ms); return at }
		s := Stamps{Arrived: next(), Queued: next(), Granted: next(), Tokenized: next(), Sent: next(), First: next(), Done: next(), Ended: next()}
		if random.IntN(2) == 0 {
			s.Tokenized = 0
		}
		some := func() time.Duration { return time.Duration(random.Int64N(400*ms) - 50*ms) }
		r := &ServerReport{First: s.First + int64(some()), Done: s.Done + int64(some()), Total: some(), Load: some(), PromptEval: some(), Eval: some()}
		served := Served{Resident: random.IntN(2) == 0, WeightsFrom: s.Sent + int64(some()), WeightsTo: s.Sent + int64(some())}
		if random.IntN(4) == 0 {
			r.First = 0
		}
		list, _ := Timeline(s, r, served)
		end := s.Arrived
		for _, segment := range list {
			if segment.Start != end || segment.End <= segment.Start {
				t.Fatalf("%+v %+v %+v: segment %+v does not follow on %d", s, r, served, segment, end)
			}
			end = segment.End
		}
		if end != s.Ended {
			t.Fatalf("%+v %+v %+v: segments end at %d, the request at %d", s, r, served, end, s.Ended)
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got; -update accepts):\n%s", file, diff)
	}
}
