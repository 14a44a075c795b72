package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// WriteTracePerfetto prints v in the trace event format that Perfetto and Chrome's tracing page open. Times count from
// the start of the trace, in microseconds with the nanoseconds as fraction. Each service is a process whose threads are
// lanes: spans in one lane lie inside each other or apart. A process of its own, slowtoken, has the critical path, and
// of each request and turn the ledgers, with the whole above its parts.
func WriteTracePerfetto(w io.Writer, v *TraceView) error {
	p := &perfettoWriter{w: bufio.NewWriter(w), zero: v.Start}
	p.text("{\"displayTimeUnit\":\"ns\",\"otherData\":")
	p.json(map[string]any{"trace_id": v.TraceID, "start_ns": fmt.Sprint(v.Start), "schema": v.Schema})
	p.text(",\"traceEvents\":[\n")
	p.paths(v)
	p.services(v)
	p.text("\n]}\n")
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

// A perfettoEvent is one entry of traceEvents: "X" a slice of a thread, "M" the name or place of a process or thread.
type perfettoEvent struct {
	Phase    string         `json:"ph"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	Start    json.Number    `json:"ts,omitempty"`
	Duration json.Number    `json:"dur,omitempty"`
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Args     map[string]any `json:"args,omitempty"`
}

type perfettoWriter struct {
	w       *bufio.Writer
	zero    int64 // the time that is 0 in the file
	events  int
	process int // the last number given
	thread  int // likewise; no two processes share a thread's number
	err     error
}

func (p *perfettoWriter) text(s string) {
	if p.err == nil {
		_, p.err = p.w.WriteString(s)
	}
}

func (p *perfettoWriter) json(v any) {
	raw, err := json.Marshal(v)
	if p.err == nil {
		p.err = err
	}
	p.text(string(raw))
}

func (p *perfettoWriter) event(e perfettoEvent) {
	if p.events++; p.events > 1 {
		p.text(",\n")
	}
	p.json(e)
}

func (p *perfettoWriter) newProcess(name string) {
	p.process++
	p.event(perfettoEvent{Phase: "M", Process: p.process, Name: "process_name", Args: map[string]any{"name": name}})
	p.event(perfettoEvent{Phase: "M", Process: p.process, Name: "process_sort_index", Args: map[string]any{"sort_index": p.process}})
}

func (p *perfettoWriter) newThread(name string) {
	p.thread++
	p.event(perfettoEvent{Phase: "M", Process: p.process, Thread: p.thread, Name: "thread_name", Args: map[string]any{"name": name}})
	p.event(perfettoEvent{Phase: "M", Process: p.process, Thread: p.thread, Name: "thread_sort_index", Args: map[string]any{"sort_index": p.thread}})
}

func (p *perfettoWriter) slice(thread int, name, category string, start, end int64, args map[string]any) {
	p.event(perfettoEvent{
		Phase: "X", Process: p.process, Thread: thread, Name: name, Category: category,
		Start: micros(p.zero, start), Duration: micros(start, end), Args: args,
	})
}

// micros spells end - start in microseconds. Some readers multiply the number by 1000 and cut what is left behind the
// point, which would lose a nanosecond of numbers that a float cannot hold exactly; those get a hair more.
func micros(start, end int64) json.Number {
	ns := uint64(end) - uint64(start)
	exact := fmt.Sprintf("%d.%03d", ns/1000, ns%1000)
	for _, hair := range []string{"", "001", "01", "1"} {
		if f, err := strconv.ParseFloat(exact+hair, 64); err == nil && uint64(f*1000) == ns {
			return json.Number(exact + hair)
		}
	}
	return json.Number(exact)
}

// paths writes the critical path, and the ledgers of requests and turns.
func (p *perfettoWriter) paths(v *TraceView) {
	p.newProcess("slowtoken")
	stretches := make([]stretch, len(v.CriticalPath))
	for i := range v.CriticalPath {
		stretches[i] = stretch{v.CriticalPath[i].Start, v.CriticalPath[i].End, -1}
	}
	lanes, n := lanesOf(stretches)
	first := p.newLanes("critical path", n)
	for i := range v.CriticalPath {
		at := &v.CriticalPath[i]
		thread := first + lanes[i]
		p.slice(thread, label(at.Service, at.Name), "critical path", at.Start, at.End, map[string]any{"span_id": at.SpanID, "phase": at.Phase})
		p.parts(thread, at.Parts)
	}
	for i := range v.Requests {
		r := &v.Requests[i]
		name := "request " + r.ID
		p.ledger(name+" ledger", label(r.Where, r.Model), r.Extent.Start, &r.E2E, map[string]any{"request": r.ID, "outcome": r.Outcome})
		if r.FirstToken != nil {
			p.ledger(name+" ledger to first token", "to first token", r.Extent.Start, &r.TTFT, map[string]any{"request": r.ID})
		}
	}
	for i := range v.Turns {
		u := &v.Turns[i]
		p.ledger("turn "+u.ID+" ledger", label(u.Service, u.Name), u.Extent.Start, &u.Ledger, map[string]any{"turn": u.ID})
	}
}

func (p *perfettoWriter) ledger(track, name string, start int64, l *LedgerView, args map[string]any) {
	p.newThread(track)
	p.slice(p.thread, name, "ledger", start, start+l.Total, args)
	p.parts(p.thread, l.Parts)
}

func (p *perfettoWriter) parts(thread int, parts []PartView) {
	for _, part := range parts {
		p.slice(thread, phaseName(part.Phase, part.Detail, part.Covers), "phase", part.Start, part.End, map[string]any{"source": part.Source})
	}
}

// newLanes makes n threads, and returns the first one's number.
func (p *perfettoWriter) newLanes(name string, n int) int {
	first := p.thread + 1
	for lane := range n {
		if lane == 0 {
			p.newThread(name)
		} else {
			p.newThread(fmt.Sprintf("%s %d", name, lane+1))
		}
	}
	return first
}

// services writes all spans, those of a service in a process.
func (p *perfettoWriter) services(v *TraceView) {
	var names []string
	spans := map[string][]int{}
	for k := range v.Tree {
		name := v.Tree[k].Service
		if spans[name] == nil {
			names = append(names, name)
		}
		spans[name] = append(spans[name], k)
	}
	local := make([]int, len(v.Tree)) // the span's place in the list of its service
	for _, name := range names {
		list := spans[name]
		slices.SortStableFunc(list, func(a, b int) int {
			return cmp.Or(cmp.Compare(v.Tree[a].Start, v.Tree[b].Start), cmp.Compare(v.Tree[b].End, v.Tree[a].End))
		})
		stretches := make([]stretch, len(list))
		for i, k := range list {
			local[k] = i
		}
		for i, k := range list {
			s := &v.Tree[k]
			stretches[i] = stretch{s.Start, s.End, -1}
			if s.parent >= 0 && v.Tree[s.parent].Service == name && local[s.parent] < i {
				stretches[i].parent = local[s.parent]
			}
		}
		shown := name
		if name == "" {
			shown = "no service.name"
		}
		p.newProcess(shown)
		lanes, n := lanesOf(stretches)
		first := p.newLanes("spans", n)
		for i, k := range list {
			p.span(first+lanes[i], &v.Tree[k])
		}
	}
}

func (p *perfettoWriter) span(thread int, s *SpanView) {
	args := map[string]any{"span_id": s.SpanID, "kind": s.Kind, "status": s.Status, "critical_ns": s.Critical}
	if s.Parent != "" {
		args["parent_span_id"] = s.Parent
	}
	if s.StatusMessage != "" {
		args["status_message"] = s.StatusMessage
	}
	if s.Repaired != "" {
		args["repaired"] = s.Repaired
	}
	category := "span"
	if s.Critical > 0 {
		category = "span,critical"
	}
	p.slice(thread, s.Name, category, s.Start, s.End, args)
}

// label joins what is there of a service and a name.
func label(service, name string) string {
	switch {
	case service == "":
		return name
	case name == "":
		return service
	}
	return service + ": " + name
}
