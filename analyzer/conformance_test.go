package analyzer

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sharedFolder returns a folder of the optional shared data, or skips.
func sharedFolder(t *testing.T, path ...string) string {
	t.Helper()
	root := os.Getenv("SLOWTOKEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	dir := filepath.Join(append([]string{root}, path...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no shared data at %s: set SLOWTOKEN_SHARED to its folder", dir)
	}
	return dir
}

// A pathCase is one conformance case of the critical path: Jaeger UI JSON with free-text ids, and what comes of it.
type pathCase struct {
	Class string `json:"class"`
	Input struct {
		Data []jaegerTrace `json:"data"`
	} `json:"input"`
	Expected pathExpectation `json:"expected"`
}

type pathExpectation struct {
	Sections  []pathSection    `json:"sections"`
	Exclusive map[string]int64 `json:"exclusive_us"`
	Roots     []pathRoot       `json:"roots"`
	Flags     map[string]int   `json:"flags"`
	Total     int64            `json:"total_us"`
}

type pathSection struct {
	Span  string `json:"span_id"`
	Start int64  `json:"start_us"`
	End   int64  `json:"end_us"`
}

type pathRoot struct {
	Span     string `json:"span_id"`
	Orphan   bool   `json:"orphan"`
	Duration int64  `json:"duration"`
	Sections int    `json:"n_sections"`
}

type jaegerTrace struct {
	TraceID string `json:"traceID"`
	Spans   []struct {
		TraceID    string `json:"traceID"`
		SpanID     string `json:"spanID"`
		Name       string `json:"operationName"`
		Start      int64  `json:"startTime"`
		Duration   int64  `json:"duration"`
		References []struct {
			Type    string `json:"refType"`
			TraceID string `json:"traceID"`
			SpanID  string `json:"spanID"`
		} `json:"references"`
		Tags []struct {
			Key   string `json:"key"`
			Value any    `json:"value"`
		} `json:"tags"`
	} `json:"spans"`
}

// numberedIDs gives free-text ids numbers in ascending order, so that ties by id keep their order.
type numberedIDs struct{ texts []string }

func (n *numberedIDs) add(id string) { n.texts = append(n.texts, id) }

func (n *numberedIDs) sort() {
	slices.Sort(n.texts)
	n.texts = slices.Compact(n.texts)
}

func (n *numberedIDs) number(id string) uint64 {
	at, _ := slices.BinarySearch(n.texts, id)
	return uint64(at) + 1
}

func (n *numberedIDs) text(number uint64) string { return n.texts[number-1] }

// spans turns a case's input into spans, references into links as [RefType] says.
func (c *pathCase) spans() (spans []Span, ids *numberedIDs) {
	traces, ids := &numberedIDs{}, &numberedIDs{}
	for _, t := range c.Input.Data {
		for _, s := range t.Spans {
			traces.add(s.TraceID)
			ids.add(s.SpanID)
			for _, r := range s.References {
				traces.add(r.TraceID)
				ids.add(r.SpanID)
			}
		}
	}
	traces.sort()
	ids.sort()
	kinds := map[any]SpanKind{"client": SpanKindClient, "server": SpanKindServer, "producer": SpanKindProducer, "consumer": SpanKindConsumer}
	for _, t := range c.Input.Data {
		for _, s := range t.Spans {
			span := Span{
				TraceID: traceNumber(traces.number(s.TraceID)), ID: spanNumber(ids.number(s.SpanID)), Name: s.Name,
				Start: s.Start * 1000, End: (s.Start + s.Duration) * 1000,
			}
			for _, tag := range s.Tags {
				if tag.Key == "span.kind" {
					span.Kind = kinds[tag.Value]
				}
			}
			var references []Link
			for _, r := range s.References {
				link := reference(strings.ToLower(r.Type), spanNumber(ids.number(r.SpanID)))
				link.TraceID = traceNumber(traces.number(r.TraceID))
				references = append(references, link)
			}
			span.refer(references)
			spans = append(spans, span)
		}
	}
	return spans, ids
}

// result computes what the case expects.
func (c *pathCase) result() pathExpectation {
	spans, ids := c.spans()
	got := pathExpectation{Exclusive: map[string]int64{}, Flags: map[string]int{}}
	for t := range GroupByTrace(spans) {
		text := func(i int32) string { return ids.text(t.Spans[i].ID.number()) }
		maps.Copy(got.Flags, t.Warnings)
		path := t.CriticalPath()
		for _, s := range path {
			got.Sections = append(got.Sections, pathSection{text(s.Span), s.Start / 1000, s.End / 1000})
			got.Exclusive[text(s.Span)] += (s.End - s.Start) / 1000
			got.Total += (s.End - s.Start) / 1000
		}
		for _, r := range t.Roots() {
			start, end := t.Extent(r)
			got.Roots = append(got.Roots, pathRoot{text(r), t.Repaired(r) == WarnOrphan, (end - start) / 1000, len(t.walk(r, walkOptions{}))})
		}
	}
	return got
}

func TestCriticalPathConformance(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedFolder(t, "conformance", "critical-path"), "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases found: %v", err)
	}
	passed := map[string]int{}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file)) + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c pathCase
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatalf("reading case: %v", err)
			}
			got := c.result()
			if len(c.Expected.Sections) == 0 {
				c.Expected.Sections = nil
			}
			if diff := cmp.Diff(c.Expected, got); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", c.Class, diff)
			}
			class, _, _ := strings.Cut(c.Class, ":")
			passed[class]++
		})
	}
	t.Logf("%d core, %d policy passed of %d", passed["core"], passed["policy"], len(files))
}
