package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/inference/synth"
)

// agentTurn is an agent that asks a model, runs two tools, and asks again.
func agentTurn() []testSpan {
	chat := func(id byte, start, end float64, in, out int64) testSpan {
		return testSpan{trace: 1, id: id, parent: 1, service: "agent", name: "chat gpt-4o", kind: analyzer.SpanKindClient,
			start: start, end: end, attributes: analyzer.Attributes{
				text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"), text("gen_ai.request.model", "gpt-4o"),
				{Key: "gen_ai.request.stream", Value: analyzer.Bool(true)}, num("gen_ai.response.time_to_first_chunk", 0.5),
				count("gen_ai.usage.input_tokens", in), count("gen_ai.usage.output_tokens", out),
			}}
	}
	tool := func(id byte, name string, start, end float64) testSpan {
		return testSpan{trace: 1, id: id, parent: 1, service: "agent", name: "execute_tool " + name, start: start, end: end,
			attributes: analyzer.Attributes{text("gen_ai.operation.name", "execute_tool"), text("gen_ai.tool.name", name)}}
	}
	return []testSpan{
		{trace: 1, id: 1, service: "agent", name: "invoke_agent planner", start: 0, end: 6,
			attributes: analyzer.Attributes{text("gen_ai.operation.name", "invoke_agent")}},
		chat(2, 0.25, 2, 900, 41),
		tool(3, "weather", 2.1, 2.4),
		tool(4, "flights", 2.1, 4),
		{trace: 1, id: 5, parent: 4, service: "booking", name: "GET /flights", kind: analyzer.SpanKindServer, start: 2.3, end: 3.9, failed: true},
		chat(6, 4, 6, 1400, 80),
	}
}

// brokenTrace holds what assembly has to repair, and no request.
func brokenTrace() []testSpan {
	return []testSpan{
		{trace: 1, id: 1, service: "shop", name: "GET /cart", start: 0, end: 2, kind: analyzer.SpanKindServer},
		{trace: 1, id: 2, parent: 1, service: "shop", name: "publish", start: 0.5, end: 1, kind: analyzer.SpanKindProducer},
		{trace: 1, id: 3, parent: 2, service: "worker", name: "consume", start: 0.7, end: 1.8, kind: analyzer.SpanKindConsumer},
		{trace: 1, id: 4, parent: 1, service: "db", name: "SELECT", start: 1, end: 2.5, kind: analyzer.SpanKindClient},
		{trace: 1, id: 5, parent: 99, service: "cache", name: "lost", start: 2.25, end: 2.75},
		{trace: 1, id: 6, parent: 7, service: "ring", name: "a", start: 3, end: 3.5},
		{trace: 1, id: 7, parent: 6, service: "ring", name: "b", start: 3.1, end: 3.4},
		{trace: 1, id: 8, parent: 8, service: "self", name: "ouroboros", start: 3.5, end: 4},
		{trace: 1, id: 4, parent: 1, service: "db", name: "SELECT", start: 1, end: 2.5, kind: analyzer.SpanKindClient},
	}
}

// retriedCall fails once, waits and succeeds, with no span around both but the service's.
func retriedCall() []testSpan {
	call := func(id byte, start, end float64, failed bool) testSpan {
		return testSpan{trace: 1, id: id, parent: 1, service: "app", name: "chat gpt-4o", kind: analyzer.SpanKindClient,
			start: start, end: end, failed: failed, attributes: analyzer.Attributes{
				text("gen_ai.operation.name", "chat"), text("gen_ai.request.model", "gpt-4o"), count("gen_ai.usage.input_tokens", 12),
			}}
	}
	return []testSpan{
		{trace: 1, id: 1, service: "app", name: "job", start: 0, end: 5},
		call(2, 1, 2, true), call(3, 2.5, 4.5, false),
	}
}

// manySpans is a trace of n spans: some of them in chains, some side by side.
func manySpans(n int) []testSpan {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	list := []testSpan{{trace: 1, id: 1, service: "root", name: "root", start: 0, end: 100}}
	for i := 1; i < n && i < 250; i++ {
		parent := list[rng.IntN(len(list))]
		if rng.IntN(2) == 0 {
			parent = list[len(list)-1]
		}
		start := parent.start + rng.Float64()*(parent.end-parent.start)/2
		list = append(list, testSpan{trace: 1, id: byte(i + 1), parent: parent.id, service: fmt.Sprint("s", rng.IntN(3)), name: fmt.Sprint("op", i),
			start: start, end: start + rng.Float64()*(parent.end-start)*1.1})
	}
	return list
}

func viewOf(list []testSpan) *TraceView {
	return ViewTrace(analyzer.NewTrace(spansOf(list)), dialect.All)
}

// someTraces are views of all shapes: the ones above, and generated ones of gateways, engines, agents and retries.
func someTraces(t *testing.T) []*TraceView {
	t.Helper()
	views := []*TraceView{
		viewOf(gatewayCalls()[2:4]), viewOf(agentTurn()), viewOf(brokenTrace()), viewOf(retriedCall()), viewOf(plainSpans()), viewOf(manySpans(200)),
	}
	var spans []analyzer.Span
	for batch := range synth.Corpus(synth.CorpusOptions{Seed: 7, Traces: 60, End: epoch}) {
		spans = append(spans, batch...)
	}
	for trace := range analyzer.GroupByTrace(spans) {
		views = append(views, ViewTrace(trace, dialect.All))
	}
	if len(views) < 30 {
		t.Fatalf("%d traces, want more to look at", len(views))
	}
	return views
}

var tracePrinters = []struct {
	name  string
	write func(io.Writer, *TraceView) error
}{
	{"text", func(w io.Writer, v *TraceView) error { return WriteTraceText(w, v, TraceText{}) }},
	{"json", WriteTraceJSON},
	{"jsonl", func(w io.Writer, v *TraceView) error { return WriteTraceLine(w, &v.TraceLine) }},
	{"perfetto", WriteTracePerfetto},
}

func printed(t *testing.T, write func(io.Writer, *TraceView) error, v *TraceView) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTraces(t *testing.T) {
	for _, c := range []struct {
		name  string
		spans []testSpan
	}{
		{"gateway", gatewayCalls()[2:4]},
		{"agent", agentTurn()},
		{"broken", brokenTrace()},
		{"retried", retriedCall()},
		{"plain", plainSpans()},
	} {
		for _, p := range tracePrinters {
			t.Run(c.name+"."+p.name, func(t *testing.T) {
				golden(t, "trace/"+c.name+"."+p.name, printed(t, p.write, viewOf(c.spans)))
			})
		}
	}
}

// ledgerLine is a line of a ledger: a sign, exact nanoseconds, and for the last one an equals sign in place of a phase.
var ledgerLine = regexp.MustCompile(`^    (\S) +([0-9,]+) ns  `)

func TestLedgerLinesAddUp(t *testing.T) {
	ledgers := 0
	for _, v := range someTraces(t) {
		var sums []int64
		var sum int64
		for line := range strings.SplitSeq(string(printed(t, tracePrinters[0].write, v)), "\n") {
			m := ledgerLine.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			ns, err := strconv.ParseInt(strings.ReplaceAll(m[2], ",", ""), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if m[1] != "=" {
				sum += ns
				continue
			}
			if ns != sum {
				t.Errorf("trace %s: lines add up to %d ns, the total is %s", v.TraceID, sum, line)
			}
			sums, sum = append(sums, ns), 0
		}
		var want []int64
		for _, u := range v.Turns {
			want = append(want, u.Extent.End-u.Extent.Start)
		}
		for _, r := range v.Requests {
			if r.FirstToken != nil {
				want = append(want, *r.FirstToken-r.Extent.Start)
			}
			want = append(want, r.Extent.End-r.Extent.Start)
		}
		if !slices.Equal(sums, want) {
			t.Errorf("trace %s: ledgers of %v ns, want %v", v.TraceID, sums, want)
		}
		ledgers += len(sums)
	}
	if ledgers < 60 {
		t.Errorf("only %d ledgers were printed", ledgers)
	}
}

// nested fails unless the stretches of one track lie inside each other or apart, in the order in which they come.
func nested(t *testing.T, track string, list [][2]int64) {
	t.Helper()
	slices.SortStableFunc(list, func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(b[1], a[1])) })
	var open []int64
	for _, s := range list {
		for len(open) > 0 && open[len(open)-1] <= s[0] {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && open[len(open)-1] < s[1] {
			t.Fatalf("%s: [%d, %d] reaches beyond what it starts in, which ends at %d", track, s[0], s[1], open[len(open)-1])
		}
		open = append(open, s[1])
	}
}

func TestPerfettoFilesAreWellFormed(t *testing.T) {
	type event struct {
		Phase    string      `json:"ph"`
		Process  int         `json:"pid"`
		Thread   int         `json:"tid"`
		Start    json.Number `json:"ts"`
		Duration json.Number `json:"dur"`
		Name     string      `json:"name"`
		Category string      `json:"cat"`
		Args     map[string]any
	}
	// Perfetto reads the start from the text and the duration from a float, and cuts both to nanoseconds.
	ns := func(n json.Number) int64 {
		whole, fraction, _ := strings.Cut(n.String(), ".")
		v, err := strconv.ParseInt(whole+fraction[:3], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := n.Float64(); err != nil || int64(f*1000) != v {
			t.Fatalf("%s is %d ns as a text and %d ns as a number", n, v, int64(f*1000))
		}
		return v
	}
	for _, v := range someTraces(t) {
		var file struct{ TraceEvents []event }
		if err := json.Unmarshal(printed(t, WriteTracePerfetto, v), &file); err != nil {
			t.Fatal(err)
		}
		names := map[[2]int]string{}
		tracks := map[[2]int][][2]int64{}
		processOf := map[int]int{}
		var spans [][2]int64
		var path, ledgers int64
		for _, e := range file.TraceEvents {
			key := [2]int{e.Process, e.Thread}
			switch {
			case e.Phase == "M" && (e.Name == "process_name" || e.Name == "thread_name"):
				names[key] = e.Args["name"].(string)
			case e.Phase == "X":
				if names[key] == "" || names[[2]int{e.Process, 0}] == "" {
					t.Fatalf("%s is in a track without a name", e.Name)
				}
				if other, known := processOf[e.Thread]; known && other != e.Process {
					t.Fatalf("thread %d is in two processes", e.Thread)
				}
				processOf[e.Thread] = e.Process
				start, length := ns(e.Start), ns(e.Duration)
				if start < 0 || length < 0 {
					t.Fatalf("%s is at %d for %d ns", e.Name, start, length)
				}
				tracks[key] = append(tracks[key], [2]int64{start, start + length})
				switch e.Category {
				case "critical path":
					path += length
				case "ledger":
					ledgers += length
				case "span", "span,critical":
					spans = append(spans, [2]int64{v.Start + start, v.Start + start + length})
				}
			case e.Phase != "M":
				t.Fatalf("an event of type %q", e.Phase)
			}
		}
		for key, list := range tracks {
			nested(t, names[key], list)
		}
		var want [][2]int64
		for _, s := range v.Tree {
			want = append(want, [2]int64{s.Start, s.End})
		}
		order := func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }
		slices.SortFunc(spans, order)
		slices.SortFunc(want, order)
		if !slices.Equal(spans, want) {
			t.Errorf("trace %s: the spans in the file are not those of the trace", v.TraceID)
		}
		var wantPath, wantLedgers int64
		for _, at := range v.CriticalPath {
			wantPath += at.End - at.Start
		}
		for _, r := range v.Requests {
			wantLedgers += r.TTFT.Total + r.E2E.Total
		}
		for _, u := range v.Turns {
			wantLedgers += u.Ledger.Total
		}
		if path != wantPath || ledgers != wantLedgers {
			t.Errorf("trace %s: %d ns of path and %d ns of ledgers in the file, want %d and %d", v.TraceID, path, ledgers, wantPath, wantLedgers)
		}
	}
}

func TestSectionsSayThePhaseThatHoldsMost(t *testing.T) {
	for _, v := range someTraces(t) {
		for i := range v.CriticalPath {
			at := &v.CriticalPath[i]
			var ns [analyzer.NumPhases]int64
			now := at.Start
			for _, p := range at.Parts {
				if p.Start != now {
					t.Fatalf("trace %s: a part starts at %d, want %d", v.TraceID, p.Start, now)
				}
				now = p.End
				ns[p.Phase] += p.End - p.Start
			}
			if now != at.End || ns[at.Phase] != slices.Max(ns[:]) {
				t.Errorf("trace %s, section %d: phase %s of %v", v.TraceID, i, at.Phase, at.Parts)
			}
		}
	}
}

func TestRowsKeepToTheirLimit(t *testing.T) {
	for _, v := range someTraces(t) {
		for _, most := range []int{1, 2, 5, 20, 150, 100000, 0} {
			rows, leftOut := v.Rows(most)
			if len(rows)+leftOut != len(v.Tree) || most > 0 && len(rows) != min(most, len(v.Tree)) || most == 0 && leftOut > 0 {
				t.Fatalf("%d rows and %d left out of %d with a limit of %d", len(rows), leftOut, len(v.Tree), most)
			}
			shown := map[*SpanView]bool{}
			below := 0
			for _, r := range rows {
				shown[r.Span] = true
				below += r.Below
			}
			if below > leftOut {
				t.Errorf("%d spans are counted below others, %d are left out", below, leftOut)
			}
			most := int64(0)
			for i := range v.Tree {
				most = max(most, v.Tree[i].Critical)
			}
			if !slices.ContainsFunc(rows, func(r TraceRow) bool { return r.Span.Critical == most }) {
				t.Errorf("the span with most time on the path is left out")
			}
		}
	}
}

// TestTraceTextFitsTheTerminal: no line is wider than the terminal, and nothing but our own colours steers it.
func TestTraceTextFitsTheTerminal(t *testing.T) {
	ours := regexp.MustCompile("\x1b\\[(0|38;5;16;48;5;[0-9]+)m")
	hostile := brokenTrace()
	for i, name := range []string{
		"\x1b]0;owned\x07\x1b[2J\r\n", "\u009b31m", "\u202edrowssap", "\xff\xfe", "名前が長い" + strings.Repeat("界", 200),
		strings.Repeat("x", 5000), "", "a\u0301\u0301\u0301 \t\v",
	} {
		hostile[i].name, hostile[i].service = name, name
	}
	views := append(someTraces(t), viewOf(hostile))
	v := viewOf(agentTurn())
	v.Requests[0].ErrorType = "\x1b[2J" + strings.Repeat("boom ", 100)
	v.Requests[0].Model, v.Requests[0].Instance = "\x1b[31mmodel", "pod\n1"
	for _, v := range append(views, v) {
		for _, o := range []TraceText{{}, {Width: 60}, {Width: 30}, {Width: 250, Colour: true}, {MaxSpans: 7, Colour: true}} {
			var b bytes.Buffer
			if err := WriteTraceText(&b, v, o); err != nil {
				t.Fatal(err)
			}
			plain := ours.ReplaceAllString(b.String(), "")
			if !o.Colour && plain != b.String() {
				t.Fatalf("colours, though none were asked for")
			}
			for line := range strings.SplitSeq(plain, "\n") {
				wide := 0
				for _, r := range line {
					if !unicode.IsPrint(r) {
						t.Fatalf("%q in line %q", r, line)
					}
					wide += columns(r)
				}
				if most := max(cmp.Or(o.Width, 100), 60); wide > most {
					t.Fatalf("a line of %d columns, want at most %d: %s", wide, most, line)
				}
			}
		}
	}
}

func TestOneTraceOneAnswer(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for _, list := range [][]testSpan{agentTurn(), brokenTrace(), manySpans(100)} {
		for _, p := range tracePrinters {
			want := printed(t, p.write, viewOf(list))
			for range 5 {
				other := slices.Clone(list)
				rng.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
				if got := printed(t, p.write, viewOf(other)); !bytes.Equal(got, want) {
					t.Fatalf("%s: another order of spans, another answer:\n%s\nwant:\n%s", p.name, got, want)
				}
			}
		}
	}
}

func TestTraceWithoutSpans(t *testing.T) {
	for _, p := range tracePrinters {
		printed(t, p.write, ViewTrace(analyzer.NewTrace(nil), dialect.All))
	}
}
