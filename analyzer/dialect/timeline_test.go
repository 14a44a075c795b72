package dialect_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

var update = flag.Bool("update", false, "rewrite golden files")

// The cases in testdata are timelines of one trace: a txtar archive that says in its comment what it shows, then
//
//	-- spans --      a line a span: NAME START END [in PARENT] [client|server|internal] [error[=MESSAGE]] [op=NAME]
//	                 [scope=NAME] [dropped-events=N] [trace=N]; below it, indented, a line an attribute: KEY = VALUE (a
//	                 Go literal; "resource KEY = VALUE" for one of the resource, "event NAME AT" for an event, "link
//	                 NAME N" for a link to a span of trace N)
//	-- requests --   what Requests makes of it
//
// Times are Go durations from the start of the timeline. Spaces in names are written "_".
func TestTimelines(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no timelines: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			spans, err := parseSpans(string(archive.Files[0].Data))
			if err != nil {
				t.Fatal(err)
			}
			got := render(spans)
			if *update {
				archive.Files = []txtar.File{archive.Files[0], {Name: "requests", Data: []byte(got)}}
				if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(archive.Files) != 2 {
				t.Fatal("want the sections spans and requests")
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("requests differ (-want +got):\n%s", diff)
			}
			slices.Reverse(spans)
			if again := render(spans); again != got {
				t.Errorf("with the spans in reverse:\n%s", cmp.Diff(got, again))
			}
		})
	}
}

// timelineBase is time zero of a timeline, so that none of its times is the Unix epoch.
const timelineBase = 1_700_000_000_000_000_000

func spanID(name string) (id analyzer.SpanID) {
	copy(id[:], name)
	return id
}

func traceID(n uint64) (id analyzer.TraceID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func spanName(id analyzer.SpanID) string { return strings.TrimRight(string(id[:]), "\x00") }

func parseSpans(text string) ([]analyzer.Span, error) {
	var spans []analyzer.Span
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		var err error
		switch {
		case len(words) == 0:
		case line[0] != ' ':
			var s analyzer.Span
			if s, err = parseSpan(words); err == nil {
				spans = append(spans, s)
			}
		case len(spans) == 0:
			err = fmt.Errorf("no span to belong to")
		default:
			err = parseDetail(&spans[len(spans)-1], strings.TrimSpace(line))
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
	}
	return spans, nil
}

func parseTime(word string) (int64, error) {
	d, err := time.ParseDuration(word)
	return timelineBase + int64(d), err
}

func parseSpan(words []string) (s analyzer.Span, err error) {
	if len(words) < 3 || len(words[0]) > 8 {
		return s, fmt.Errorf("want NAME (up to 8 letters) START END")
	}
	s = analyzer.Span{ID: spanID(words[0]), Name: words[0], Resource: &analyzer.Resource{}, Scope: &analyzer.Scope{}}
	s.TraceID = traceID(1)
	if s.Start, err = parseTime(words[1]); err != nil {
		return s, err
	}
	if s.End, err = parseTime(words[2]); err != nil {
		return s, err
	}
	kinds := map[string]analyzer.SpanKind{
		"client": analyzer.SpanKindClient, "server": analyzer.SpanKindServer, "internal": analyzer.SpanKindInternal,
		"producer": analyzer.SpanKindProducer, "consumer": analyzer.SpanKindConsumer,
	}
	for rest := words[3:]; len(rest) > 0; rest = rest[1:] {
		key, value, _ := strings.Cut(rest[0], "=")
		value = strings.ReplaceAll(value, "_", " ")
		if kind, ok := kinds[key]; ok {
			s.Kind = kind
			continue
		}
		switch key {
		case "in":
			if len(rest) < 2 {
				return s, fmt.Errorf("in what?")
			}
			s.Parent, rest = spanID(rest[1]), rest[1:]
		case "error":
			s.Status, s.StatusMessage = analyzer.StatusError, value
		case "op":
			s.Name = strings.ReplaceAll(strings.TrimPrefix(rest[0], "op="), "~", " ")
		case "scope":
			s.Scope.Name = value
		case "trace":
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return s, err
			}
			s.TraceID = traceID(n)
		case "dropped-events":
			n, err := strconv.Atoi(value)
			if err != nil {
				return s, err
			}
			s.DroppedEvents = uint32(n)
		default:
			return s, fmt.Errorf("%q is unknown", rest[0])
		}
	}
	return s, nil
}

func parseDetail(s *analyzer.Span, line string) error {
	if rest, ok := strings.CutPrefix(line, "event "); ok {
		at := strings.LastIndexByte(rest, ' ')
		if at < 0 {
			return fmt.Errorf("want event NAME AT")
		}
		when, err := parseTime(rest[at+1:])
		s.Events = append(s.Events, analyzer.Event{Name: rest[:at], Time: when})
		return err
	}
	if words := strings.Fields(line); words[0] == "link" && len(words) == 3 && words[1] != "=" {
		n, err := strconv.ParseUint(words[2], 10, 64)
		s.Links = append(s.Links, analyzer.Link{TraceID: traceID(n), SpanID: spanID(words[1])})
		return err
	}
	key, text, ok := strings.Cut(line, " = ")
	if !ok {
		return fmt.Errorf("want KEY = VALUE")
	}
	value, err := parseValue(text)
	to := &s.Attributes
	if k, ok := strings.CutPrefix(key, "resource "); ok {
		key, to = k, &s.Resource.Attributes
	}
	*to = append(*to, analyzer.Attribute{Key: key, Value: value})
	return err
}

func parseValue(text string) (analyzer.Value, error) {
	if b, err := strconv.ParseBool(text); err == nil && len(text) > 1 {
		return analyzer.Bool(b), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return analyzer.Int(n), nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return analyzer.Double(f), nil
	}
	s, err := strconv.Unquote(text)
	return analyzer.String(s), err
}

func render(spans []analyzer.Span) string { return renderWith(spans, dialect.All) }

func renderWith(spans []analyzer.Span, dialects []analyzer.Dialect) string {
	var requests []analyzer.Request
	var turns []analyzer.Turn
	var batches analyzer.Batches
	for trace := range analyzer.GroupByTrace(slices.Clone(spans)) {
		r, u := analyzer.Requests(trace, dialects)
		batches.Add(trace, r, dialects)
		requests, turns = append(requests, r...), append(turns, u...)
	}
	var out strings.Builder
	at := func(ns int64) string { return time.Duration(ns - timelineBase).String() }
	ledger := func(name string, l analyzer.Ledger) {
		if len(l.Parts) > 0 {
			fmt.Fprintf(&out, "  %s\n", name)
		}
		for _, p := range l.Parts {
			phase := p.Phase.String()
			if p.Detail != "" {
				phase += "/" + p.Detail
			}
			if p.Covers != 0 {
				phase += fmt.Sprint(" ", p.Covers.Phases())
			}
			fmt.Fprintf(&out, "    %s %s %s %s\n", at(p.Start), at(p.End), phase, p.Source)
		}
	}
	for _, r := range requests {
		fmt.Fprintf(&out, "request %s server=%s dialect=%s %s %s", spanName(r.SpanID), spanName(r.ServerSpan), r.Dialect, at(r.Start), at(r.End))
		for _, fact := range []struct{ name, value string }{
			{"service", r.Service}, {"instance", r.Instance}, {"prefill", r.PrefillInstance}, {"model", r.Model}, {"operation", r.Operation}, {"error", r.ErrorType},
		} {
			if fact.value != "" {
				fmt.Fprintf(&out, " %s=%s", fact.name, fact.value)
			}
		}
		for _, fact := range []struct {
			name  string
			value int64
		}{
			{"input", r.InputTokens}, {"output", r.OutputTokens}, {"cached", r.CachedTokens}, {"reasoning", r.ReasoningTokens}, {"n", r.Sequences},
		} {
			if fact.value >= 0 {
				fmt.Fprintf(&out, " %s=%d", fact.name, fact.value)
			}
		}
		if r.Leg != analyzer.LegNone {
			fmt.Fprintf(&out, " leg=%s", r.Leg)
		}
		if r.Attempts > 1 {
			fmt.Fprintf(&out, " attempts=%d", r.Attempts)
		}
		fmt.Fprintf(&out, " %s\n", r.Outcome)
		var measures []string
		if ns, ok := r.TTFT(); ok {
			measures = append(measures, "ttft "+time.Duration(ns).String())
		}
		if ns, ok := r.TPOT(); ok {
			measures = append(measures, "tpot "+time.Duration(ns).String())
		}
		if ns, ok := r.TTFO(); ok {
			measures = append(measures, "ttfo "+time.Duration(ns).String())
		}
		if len(measures) > 0 {
			fmt.Fprintln(&out, " ", strings.Join(measures, ", "))
		}
		if len(r.Chunks) > 0 {
			fmt.Fprintf(&out, "  %d chunks %s to %s", len(r.Chunks), at(r.Chunks[0]), at(r.Chunks[len(r.Chunks)-1]))
			if icl := r.ICL(); icl != nil {
				gaps := analyzer.SumUp(icl)
				fmt.Fprintf(&out, ", icl median %s max %s, stalls %d", time.Duration(gaps.Median), time.Duration(gaps.Max), gaps.Stalls)
			}
			if r.ITL() != nil {
				fmt.Fprint(&out, ", one token each")
			}
			fmt.Fprintln(&out)
		}
		if size, others := batches.Of(analyzer.SpanRef{TraceID: r.TraceID, SpanID: r.SpanID}); size > 0 {
			fmt.Fprintf(&out, "  batches of %.3g", size)
			for _, other := range others {
				fmt.Fprint(&out, " ", spanName(other.SpanID))
			}
			fmt.Fprintln(&out)
		}
		ledger("to first token", r.TTFTLedger)
		ledger("to end", r.E2ELedger)
		for _, name := range slices.Sorted(maps.Keys(r.Warnings)) {
			fmt.Fprintf(&out, "  warning %s %d\n", name, r.Warnings[name])
		}
	}
	for _, turn := range turns {
		fmt.Fprintf(&out, "turn %s %s %s", spanName(turn.SpanID), at(turn.Start), at(turn.End))
		for _, id := range turn.Requests {
			fmt.Fprint(&out, " ", spanName(id))
		}
		fmt.Fprintln(&out)
		ledger("ledger", turn.Ledger)
	}
	return out.String()
}
