package dialect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// sglangSlice is what one kind of slice is: its phase and detail.
type sglangSlice struct {
	phase  analyzer.Phase
	detail string
}

var sglangSlices = map[string]sglangSlice{
	"tokenize":                  {analyzer.Tokenize, ""},
	"api_server_dispatch":       {analyzer.Frontend, ""},
	"dpc_dispatch":              {analyzer.Frontend, ""},
	"request_process":           {analyzer.Frontend, ""},
	"prefill_waiting":           {analyzer.Queue, "unknown"},
	"prefill_forward":           {analyzer.Prefill, ""},
	"chunked_prefill":           {analyzer.Prefill, ""},
	"decode_waiting":            {analyzer.Decode, "stall"},
	"decode_forward":            {analyzer.Decode, ""},
	"decode_loop":               {analyzer.Decode, ""},
	"prefill_prepare":           {analyzer.Queue, "kv_transfer"},
	"prefill_bootstrap":         {analyzer.Queue, "kv_transfer"},
	"decode_prepare":            {analyzer.Queue, "kv_transfer"},
	"decode_bootstrap":          {analyzer.Queue, "kv_transfer"},
	"prefill_transfer_kv_cache": {analyzer.GPUTransfer, "kv_transfer"},
	"decode_transferred":        {analyzer.GPUTransfer, "kv_transfer"},
}

// SGLang is the dialect of SGLang's engine.
var SGLang = analyzer.Dialect{
	Name: "sglang",
	Doc: "Request spans of SGLang (\"Req 1a2b3c4d\"), the thread spans below them and the slices below those: the slices name " +
		"the phases. Threads overlap, so the request takes the slices of all threads. decode_waiting is decode stalled by " +
		"others' prefill. Without slices, durations are attributes in seconds; time_in_model_prefill counts from the dispatch, so " +
		"queue and prefill are not separable. The legs of a disaggregated request (\"prefill Req ...\", \"decode Req ...\") are " +
		"joined by bootstrap_room, rid or as the only two below one parent. decode_loop, at trace level 3, is one step of decode: its " +
		"end is the time of a chunk.",
	Engine: true,
	Keys:   keys([]string{"rid", "module", "thread_label", "dp_rank", "bootstrap_room"}, []string{latencyTTFT, latencyE2E, latencyPrefill, latencyDecode}, callKeys),
	Marks:  []string{"rid", "module"},
	Names: []string{
		"tokenize", "api_server_dispatch", "dpc_dispatch", "request_process", "prefill_*", "chunked_prefill", "decode_*",
	},
	Match: func(s *analyzer.Span) analyzer.Role {
		if isSGLang(s) {
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	Call: func(t *analyzer.Trace, span int32) analyzer.Call {
		c, _ := readSGLang(t, span)
		c.Chunks, c.ChunksAreSteps = sglangSteps(t, span, c.FirstToken), true
		return c
	},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		s := &t.Spans[span]
		if isSGLang(s) {
			_, parts := readSGLang(t, span)
			return parts
		}
		if slice, ok := sglangSlices[s.Name]; ok && below(t, span, isSGLang) >= 0 {
			return whole(t, span, slice.phase, slice.detail)
		}
		return nil
	},
}

func isSGLang(s *analyzer.Span) bool {
	return s.Attributes.Text("module") == "sglang::request" ||
		s.Attributes.Text("rid") != "" && strings.Contains(s.Name, "Req ")
}

func readSGLang(t *analyzer.Trace, span int32) (analyzer.Call, []analyzer.Part) {
	s := &t.Spans[span]
	start, end := t.Extent(span)
	d := durations{length: end - start}
	c := readCall(s)
	if c.RequestID == "" {
		c.RequestID = s.Attributes.Text("rid")
	}
	l := readLatencies(s, &d)
	frontend := int64(unknown)
	if l.ttft > 0 && l.prefill >= 0 && l.prefill <= l.ttft {
		frontend = l.ttft - l.prefill
	}
	l.queue, l.prefill = unknown, unknown // they overlap
	placed := l.layOut(start, end, &d.warnings)
	c.FirstToken, c.LastToken, c.Warnings = placed.first, placed.last, d.warnings
	switch {
	case strings.HasPrefix(s.Name, "prefill "):
		c.Leg = analyzer.LegPrefill
	case strings.HasPrefix(s.Name, "decode "):
		c.Leg = analyzer.LegDecode
	}
	if room, ok := s.Attributes.Get("bootstrap_room"); ok && c.Leg != analyzer.LegNone {
		c.LegID = room.String()
	}
	parts := sglangParts(t, span)
	if !slices.ContainsFunc(parts, ofScheduler) {
		c.Warnings.Add(analyzer.WarnSlicesMissing, 1)
	}
	if frontend >= 0 { // then the first part is all the time to the first token
		placed.parts[0].Start, placed.parts[0].Covers = start+frontend, analyzer.SetOf(analyzer.Queue, analyzer.Prefill)
		parts = append(parts, analyzer.Part{Start: start, End: start + frontend, Phase: analyzer.Frontend, Source: analyzer.SourceInferred})
	}
	return c, append(parts, placed.parts[:placed.count]...)
}

// ofScheduler reports whether a part is one that the scheduler's process states.
func ofScheduler(p analyzer.Part) bool {
	return p.Phase == analyzer.Queue || p.Phase == analyzer.Prefill || p.Phase == analyzer.Decode
}

// sglangParts returns the slices below a request span, of all threads, by start.
func sglangParts(t *analyzer.Trace, span int32) (parts []analyzer.Part) {
	descendants(t, span, func(i int32) bool {
		if slice, ok := sglangSlices[t.Spans[i].Name]; ok {
			parts = append(parts, whole(t, i, slice.phase, slice.detail)...)
		}
		return !isSGLang(&t.Spans[i])
	})
	slices.SortStableFunc(parts, func(a, b analyzer.Part) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	return parts
}

// sglangSteps returns when the steps of a request span ended: the prefill, and each step of decode. Where the prefill has
// no slice, as on a decode leg, first is its end. Without slices of single steps nothing is known.
func sglangSteps(t *analyzer.Trace, span int32, first int64) []int64 {
	var steps, prefills []int64
	descendants(t, span, func(i int32) bool {
		_, end := t.Extent(i)
		switch t.Spans[i].Name {
		case "decode_loop":
			steps = append(steps, end)
		case "prefill_forward", "chunked_prefill":
			prefills = append(prefills, end)
		}
		return !isSGLang(&t.Spans[i])
	})
	if steps == nil {
		return nil
	}
	slices.Sort(steps)
	prefill := int64(0)
	for _, end := range prefills {
		if end <= steps[0] { // one after it is of an answer that was put back in the queue
			prefill = max(prefill, end)
		}
	}
	if prefill == 0 {
		prefill = first
	}
	if prefill == 0 || prefill > steps[0] {
		return nil
	}
	return slices.Insert(steps, 0, prefill)
}
