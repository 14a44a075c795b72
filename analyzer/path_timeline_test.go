package analyzer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// The cases in testdata/path are timelines of one trace: a txtar archive that says in its comment what it shows, then
//
//	-- spans --     one span a line: NAME START END, then any of
//	                  in PARENT, child-of SPAN, follows-from SPAN    a parent id; OpenTracing references
//	                  client, server, producer, consumer             its kind
//	                  op OPERATION                                   a name that differs from its id
//	-- path --      the roots, each with its path: NAME START END
//	-- warnings --  what assembly counted
//	-- walk SPAN [from TIME] [to TIME] [except SPAN]... [shift SPAN NS]... --    the tiles of one span's own extent
//
// Times are nanoseconds. Ids are in the order of the names; a later span of one id prints as NAME#2.

// timelineBase is time zero of a timeline, so that none of its times is the Unix epoch.
const timelineBase = 1_700_000_000_000_000_000

type timeline struct {
	spans []Span
	ids   numberedIDs
}

func parseTimeline(text string) (*timeline, error) {
	tl := &timeline{}
	var lines [][]string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) < 3 {
			return nil, fmt.Errorf("span line %q: want NAME START END", strings.TrimSpace(line))
		}
		lines = append(lines, words)
		tl.ids.add(words[0])
		for i, word := range words[:len(words)-1] {
			if word == "in" || word == "child-of" || word == "follows-from" {
				tl.ids.add(words[i+1])
			}
		}
	}
	tl.ids.sort()
	for _, words := range lines {
		s, err := tl.parseSpan(words)
		if err != nil {
			return nil, fmt.Errorf("span line %q: %w", strings.Join(words, " "), err)
		}
		tl.spans = append(tl.spans, s)
	}
	return tl, nil
}

func (tl *timeline) parseSpan(words []string) (Span, error) {
	s := Span{TraceID: traceNumber(1), ID: tl.id(words[0]), Name: words[0]}
	var err error
	if s.Start, err = parseTime(words[1]); err != nil {
		return s, err
	}
	if s.End, err = parseTime(words[2]); err != nil {
		return s, err
	}
	kinds := map[string]SpanKind{"client": SpanKindClient, "server": SpanKindServer, "producer": SpanKindProducer, "consumer": SpanKindConsumer}
	var references []Link
	rest := words[3:]
	for len(rest) > 0 {
		if kind, ok := kinds[rest[0]]; ok {
			s.Kind, rest = kind, rest[1:]
			continue
		}
		if len(rest) < 2 {
			return s, fmt.Errorf("%q says nothing", rest[0])
		}
		switch rest[0] {
		case "in":
			s.Parent = tl.id(rest[1])
		case "child-of":
			references = append(references, reference(RefChildOf, tl.id(rest[1])))
		case "follows-from":
			references = append(references, reference(RefFollowsFrom, tl.id(rest[1])))
		case "op":
			s.Name = rest[1]
		default:
			return s, fmt.Errorf("%q is unknown", rest[0])
		}
		rest = rest[2:]
	}
	s.refer(references)
	return s, nil
}

func (tl *timeline) id(name string) SpanID { return spanNumber(tl.ids.number(name)) }

func parseTime(word string) (int64, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	return timelineBase + n, err
}

// names returns what to call each span of t.
func (tl *timeline) names(t *Trace) []string {
	seen := map[string]int{}
	names := make([]string, len(t.Spans))
	for i := range t.Spans {
		names[i] = tl.ids.text(t.Spans[i].ID.number())
		seen[names[i]]++
		if n := seen[names[i]]; n > 1 {
			names[i] += "#" + strconv.Itoa(n)
		}
	}
	return names
}

// render computes the text of one section of the archive.
func (tl *timeline) render(section string, spans []Span) (string, error) {
	t := NewTrace(slices.Clone(spans))
	names := tl.names(t)
	var out strings.Builder
	line := func(s Interval) {
		fmt.Fprintf(&out, "  %s %d %d\n", names[s.Span], s.Start-timelineBase, s.End-timelineBase)
	}
	words := strings.Fields(section)
	switch words[0] {
	case "path":
		path := t.CriticalPath()
		for _, r := range t.Roots() {
			start, end := t.Extent(r)
			fmt.Fprintln(&out, strings.TrimSpace(fmt.Sprintf("root %s %d %d %s", names[r], start-timelineBase, end-timelineBase, t.Repaired(r))))
			for ; len(path) > 0 && path[0].End <= end && start < end; path = path[1:] {
				line(path[0])
				start = path[0].End
			}
		}
	case "warnings":
		for _, name := range slices.Sorted(maps.Keys(t.Warnings)) {
			fmt.Fprintf(&out, "%s %d\n", name, t.Warnings[name])
		}
		if t.ClippedNS+t.DroppedNS > 0 {
			fmt.Fprintf(&out, "%d ns clipped, %d ns dropped\n", t.ClippedNS, t.DroppedNS)
		}
	case "walk":
		root, o, err := parseWalk(words[1:], names)
		if err != nil {
			return "", err
		}
		for _, s := range t.walk(root, o) {
			line(s)
		}
	default:
		return "", fmt.Errorf("section %q is unknown", section)
	}
	return out.String(), nil
}

func parseWalk(words, names []string) (root int32, o walkOptions, err error) {
	excluded, shifts := map[int32]bool{}, map[int32]int64{}
	find := func(name string) int32 { return int32(slices.Index(names, name)) }
	root = find(words[0])
	for rest := words[1:]; len(rest) >= 2; {
		used := 2
		switch rest[0] {
		case "from":
			o.Start, err = parseTime(rest[1])
		case "to":
			o.End, err = parseTime(rest[1])
		case "except":
			excluded[find(rest[1])] = true
		case "shift":
			used = 3
			shifts[find(rest[1])], err = strconv.ParseInt(rest[2], 10, 64)
		default:
			err = fmt.Errorf("%q is unknown", rest[0])
		}
		if err != nil {
			return root, o, err
		}
		rest = rest[used:]
	}
	if len(excluded) > 0 {
		o.Exclude = func(i int32) bool { return excluded[i] }
	}
	if len(shifts) > 0 {
		o.Shift = func(i int32) int64 { return shifts[i] }
	}
	return root, o, nil
}

func TestPathTimelines(t *testing.T) {
	files, err := filepath.Glob("testdata/path/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no timelines found: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tl, err := parseTimeline(string(archive.Files[0].Data))
			if err != nil {
				t.Fatal(err)
			}
			requireTiled(t, NewTrace(slices.Clone(tl.spans)))
			for i := range archive.Files[1:] {
				tl.check(t, &archive.Files[i+1])
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// check compares one section with what the spans give in several orders.
func (tl *timeline) check(t *testing.T, section *txtar.File) {
	r := rand.New(rand.NewPCG(1, 1))
	shuffled := slices.Clone(tl.spans)
	for range 20 {
		got, err := tl.render(section.Name, shuffled)
		if err != nil {
			t.Fatalf("section %q: %v", section.Name, err)
		}
		if *update {
			section.Data = []byte(got)
		}
		if diff := cmp.Diff(string(section.Data), got); diff != "" {
			t.Fatalf("section %q (-want +got):\n%s", section.Name, diff)
		}
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	}
}
