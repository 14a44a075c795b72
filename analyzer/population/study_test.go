package population

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/slowtoken/slowtoken/analyzer"
)

var update = flag.Bool("update", false, "rewrite golden files")

// A planned request is one with a plain ledger, in nanoseconds. Zero phases are left out of it.
type planned struct {
	start                         int64
	network, frontend             int64
	queue, prefill, decode        int64
	in, out                       int64
	instance, prefilledBy, tenant string
	outcome                       analyzer.Outcome
	probability                   float64
	covered                       bool // queue and prefill are not separable
}

// populationOf builds the records of requests, whose ids are their places in the list.
func populationOf(list []planned) *Population {
	b := NewBuilder(Window{}, Filter{}, nil)
	for i, q := range list {
		r := analyzer.Request{
			Start: q.start, Instance: q.instance, PrefillInstance: q.prefilledBy, Model: "llama", Dialect: "vllm", Outcome: q.outcome,
			InputTokens: q.in, OutputTokens: q.out, CachedTokens: -1, Sequences: 1, Attempts: 1,
		}
		binary.BigEndian.PutUint64(r.TraceID[8:], uint64(i)+1)
		binary.BigEndian.PutUint64(r.SpanID[:], uint64(i)+1)
		at := q.start
		add := func(ns int64, phase analyzer.Phase) {
			if ns == 0 {
				return
			}
			part := analyzer.Part{Start: at, End: at + ns, Phase: phase, Source: analyzer.SourceAttribute}
			if q.covered && phase != analyzer.Decode {
				part.Phase, part.Covers = analyzer.Unattributed, analyzer.SetOf(analyzer.Queue, analyzer.Prefill)
			}
			r.E2ELedger.Parts = append(r.E2ELedger.Parts, part)
			at += ns
		}
		add(q.network, analyzer.Network)
		add(q.frontend, analyzer.Frontend)
		add(q.queue, analyzer.Queue)
		add(q.prefill, analyzer.Prefill)
		r.FirstToken = at
		r.TTFTLedger.Parts = slices.Clone(r.E2ELedger.Parts)
		add(q.decode, analyzer.Decode)
		r.End, r.LastToken = at, at
		span := analyzer.Span{TraceID: r.TraceID, ID: r.SpanID, Start: r.Start, End: r.End}
		if q.tenant != "" {
			span.Attributes = analyzer.Attributes{{Key: "tenant.id", Value: analyzer.String(q.tenant)}}
		}
		b.survey = survey{}
		b.addRequest(&analyzer.Trace{Spans: []analyzer.Span{span}}, &r)
	}
	p := b.Population()
	for i := range p.Records {
		r := &p.Records[i]
		r.Probability = list[binary.BigEndian.Uint64(r.SpanID[:])-1].probability
	}
	if n := len(p.Records); n > 0 {
		p.First = p.Records[0].Start
	}
	return p
}

// randomRequests are n requests to one engine with one slot for prefill, some of them in bursts.
func randomRequests(n int, seed uint64) []planned {
	random := rand.New(rand.NewPCG(seed, 7))
	var list []planned
	at, free := int64(1772366400e9), int64(0)
	for range n {
		if random.IntN(20) != 0 {
			at += int64(random.ExpFloat64() * 4e8)
		}
		q := planned{start: at, frontend: 1e6, in: 50 + random.Int64N(2000), out: 2 + random.Int64N(100), instance: "a", tenant: fmt.Sprint(random.IntN(5))}
		q.prefill, q.decode = q.in*1e5+random.Int64N(1e7), (q.out-1)*1e7
		arrive := at + q.frontend
		q.queue = max(0, free-arrive) + 1
		free = arrive + q.queue + q.prefill
		list = append(list, q)
	}
	return list
}

// TestStudies reads testdata/study: a txtar archive that says what it shows, then the file "requests" with a line for a
// number of requests that are alike, then the file "study" with what is found.
func TestStudies(t *testing.T) {
	files, err := filepath.Glob("testdata/study/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			list, facts := readPlanned(t, string(archive.Files[0].Data))
			p := populationOf(list)
			got := describe(Examine(p, StudyOptions{Seed: 1, Facts: facts, TargetMissed: true}), p.First)
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if d := cmp.Diff(string(archive.Files[1].Data), got); d != "" {
				t.Errorf("differs (-want +got):\n%s", d)
			}
		})
	}
}

// readPlanned reads lines such as "100 from 0s every 1s: queue=10ms prefill=100ms decode=1s in=500 out=100 tenant=a".
func readPlanned(t *testing.T, text string) (list []planned, f Facts) {
	t.Helper()
	f = Facts{}
	for line := range strings.Lines(text) {
		if fact, ok := strings.CutPrefix(strings.TrimSpace(line), "fact "); ok {
			key, value, _ := strings.Cut(fact, "=")
			f[key] = value
			continue
		}
		var n int
		var from, every, rest string
		if _, err := fmt.Sscanf(line, "%d from %s every %s", &n, &from, &every); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		_, rest, _ = strings.Cut(line, ": ")
		q := planned{in: -1, out: -1}
		for _, field := range strings.Fields(rest) {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "instance":
				q.instance = value
			case "tenant":
				q.tenant = value
			case "in", "out":
				count, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				*map[string]*int64{"in": &q.in, "out": &q.out}[key] = count
			case "failed":
				q.outcome = analyzer.Failed
			case "unseparated":
				q.covered = true
			case "kept":
				q.probability, _ = strconv.ParseFloat(value, 64)
			default:
				*map[string]*int64{"frontend": &q.frontend, "queue": &q.queue, "prefill": &q.prefill, "decode": &q.decode}[key] = length(t, value)
			}
		}
		for i := range n {
			q.start = 1772366400e9 + length(t, from) + int64(i)*length(t, strings.TrimSuffix(every, ":"))
			list = append(list, q)
		}
	}
	return list, f
}

func length(t *testing.T, text string) int64 {
	t.Helper()
	d, err := parseSeconds(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return d
}

func parseSeconds(text string) (int64, error) {
	for unit, ns := range map[string]float64{"ms": 1e6, "s": 1e9} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			if x, err := strconv.ParseFloat(number, 64); err == nil {
				return int64(x * ns), nil
			}
		}
	}
	return 0, strconv.ErrSyntax
}

// describe prints a study with times in seconds after first.
func describe(s *Study, first int64) string {
	var b bytes.Buffer
	after := func(ns int64) string { return strconv.FormatFloat(float64(ns-first)/1e9, 'f', -1, 64) }
	seconds := func(ns float64) string { return strconv.FormatFloat(math.Round(ns/1e6)/1e3, 'f', -1, 64) + " s" }
	for _, d := range s.Domains {
		for _, r := range d.Regimes {
			fmt.Fprintf(&b, "regime %s to %s: %d requests, %.2f a second, %.2f in flight, %d blocks, body %d, tail %d\n",
				after(r.Since), after(r.Until), len(r.Members), r.Arrivals, r.InFlight, len(r.Blocks), len(r.Body), len(r.Tail))
			for _, t := range []TailAttribution{r.TailTTFT, r.TailE2E} {
				if t.TooFew {
					fmt.Fprintf(&b, "  tail of %s: too few\n", t.Path)
					continue
				}
				fmt.Fprintf(&b, "  tail of %s: %s slower:", t.Path, seconds(float64(t.Difference)))
				for _, part := range t.Parts {
					fmt.Fprintf(&b, " %s %s", part.Phase, seconds(float64(part.NS)))
				}
				b.WriteByte('\n')
			}
			for _, n := range r.Incidents {
				fmt.Fprintf(&b, "  incident: %d arrivals from %s within %s, %s to drain, %d of %d of the tail, p95 %s, without it %s\n",
					n.Arrivals, after(n.Burst), seconds(float64(n.Within)), seconds(float64(n.Drain)), n.Tail, n.TailOf, seconds(float64(n.P95)), seconds(float64(n.P95Without)))
			}
		}
	}
	for _, path := range []Path{PathTTFT, PathE2E} {
		for _, c := range s.Scores {
			if c.Cohort != CohortAll || c.Path != path {
				continue
			}
			if c.Value == nil {
				fmt.Fprintf(&b, "%s %s: %s\n", c.Path, c.Phase, c.Why)
				continue
			}
			fmt.Fprintf(&b, "%s %s: %.1f", c.Path, c.Phase, *c.Value)
			if c.Low != nil {
				fmt.Fprintf(&b, " (%.1f to %.1f)", *c.Low, *c.High)
			}
			fmt.Fprintf(&b, " %s, %s a request, floor: %s", c.Class, seconds(c.Recoverable.Value), c.FloorSource)
			if c.NoFeedback {
				b.WriteString(", no feedback")
			}
			b.WriteByte('\n')
		}
	}
	for _, c := range s.Correlations {
		fmt.Fprintf(&b, "%s goes with %s=%s: delta %.2f, lift %.1f\n", c.Phase, c.Attribute, c.Value, c.Delta, c.Lift)
	}
	for _, a := range s.Refusals() {
		fmt.Fprintf(&b, "not shown: %s: %s\n", a.What, a.Why)
	}
	return b.String()
}

func encode(t *testing.T, s *Study) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOneInputHasOneStudy(t *testing.T) {
	p := populationOf(randomRequests(400, 1))
	o := StudyOptions{Seed: 3, TargetMissed: true}
	want := encode(t, Examine(p, o))
	for range 2 {
		if got := encode(t, Examine(p, o)); got != want {
			t.Fatalf("differs: %s", cmp.Diff(want, got))
		}
	}
	o.Seed = 4
	if encode(t, Examine(p, o)) == want {
		t.Error("another seed gives the same intervals")
	}
}

func TestStudyIgnoresTraceOrder(t *testing.T) {
	traces := calls()
	want := encode(t, Examine(build(Window{}, Filter{}, traces), StudyOptions{}))
	for range 5 {
		rand.Shuffle(len(traces), func(i, k int) { traces[i], traces[k] = traces[k], traces[i] })
		// Codes into the dictionary follow the order of arrival; nothing that is shown does.
		p := build(Window{}, Filter{}, traces)
		s := Examine(p, StudyOptions{})
		if got := encode(t, s); stripCodes(got) != stripCodes(want) {
			t.Fatalf("differs:\n%s", cmp.Diff(want, got))
		}
	}
}

// stripCodes leaves out the codes of instances.
func stripCodes(text string) string {
	at := strings.Index(text, `"Instances":[`)
	if at < 0 {
		return text
	}
	end := strings.Index(text[at:], "]")
	return text[:at] + text[at+end:]
}

func TestNothingToStudy(t *testing.T) {
	s := Examine(populationOf(nil), StudyOptions{})
	if len(s.Domains) != 0 || len(s.Abstained) == 0 {
		t.Errorf("study of nothing: %+v", s)
	}
	for _, c := range s.Scores {
		if c.Value != nil || c.Why == "" {
			t.Errorf("%s %s has a score without a request: %+v", c.Phase, c.Path, c)
		}
	}
	failed := Examine(populationOf([]planned{{start: 1e18, queue: 1e9, outcome: analyzer.Failed}}), StudyOptions{})
	if len(failed.Domains) != 1 || len(failed.Domains[0].Regimes[0].Latency) != 0 {
		t.Errorf("study of a failed request: %+v", failed)
	}
}
