package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
)

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
