package analyzer

import (
	"cmp"
	"strconv"
	"strings"
)

// readCall reads what the views of call c state, from the innermost outwards: the innermost that states a fact is
// believed.
func (f *callFinder) readCall(c int32) *call {
	k := &f.calls[c]
	if k.read {
		return k
	}
	k.read, k.facts, k.outcome = true, NoCall(), Succeeded
	disagree := false
	for i := k.inner; ; i = f.t.Parent(i) {
		s := &f.t.Spans[i]
		if d := f.dialect[i]; d >= 0 && f.dialects[d].Call != nil {
			view := f.dialects[d].Call(f.t, i)
			if view.Leg == LegPrefill || view.Leg == LegDecode && k.prefill == 0 {
				view.FirstToken, view.LastToken, view.Chunks = 0, 0, nil // they are not those of the whole request
			}
			if differ(k.facts.InputTokens, view.InputTokens) || differ(k.facts.OutputTokens, view.OutputTokens) {
				disagree = true
			}
			k.merge(&view, i)
		}
		if s.Status == StatusError {
			k.outcome = max(k.outcome, Failed)
			if k.facts.ErrorType == "" {
				k.facts.ErrorType = s.StatusMessage
			}
		}
		if i == k.head {
			break
		}
	}
	if k.prefill != 0 {
		k.addLeg(f.readCall(k.prefill - 1))
	}
	switch {
	case k.facts.Cancelled || givenUp(k.facts.ErrorType):
		k.outcome = Cancelled
	case k.facts.ErrorType != "":
		k.outcome = Failed
	}
	if disagree {
		k.facts.Warnings.Add(WarnUsageDisagrees, 1)
	}
	return k
}

func differ(a, b int64) bool { return a >= 0 && b >= 0 && a != b }

// givenUp reports whether an error says that the caller did not wait for the answer.
func givenUp(errorType string) bool {
	if errorType == "" {
		return false
	}
	e := strings.ToLower(errorType)
	return e == "499" || strings.Contains(e, "cancel") || strings.Contains(e, "disconnect")
}

// merge fills what k does not know from the view of span i.
func (k *call) merge(view *Call, i int32) {
	f := &k.facts
	if f.FirstToken == 0 && view.FirstToken != 0 {
		f.FirstToken, k.firstTokenFrom = view.FirstToken, i
	}
	if f.LastToken == 0 && view.LastToken != 0 {
		f.LastToken, k.lastTokenFrom = view.LastToken, i
	}
	if f.Chunks == nil && view.Chunks != nil {
		f.Chunks, f.ChunksAreSteps, k.chunksFrom = view.Chunks, view.ChunksAreSteps, i
	}
	for _, text := range [...]struct{ to, from *string }{
		{&f.Operation, &view.Operation}, {&f.RequestModel, &view.RequestModel}, {&f.Model, &view.Model},
		{&f.RequestID, &view.RequestID}, {&f.LegID, &view.LegID}, {&f.ErrorType, &view.ErrorType},
	} {
		if *text.to == "" {
			*text.to = *text.from
		}
	}
	for _, count := range [...]struct{ to, from *int64 }{
		{&f.InputTokens, &view.InputTokens}, {&f.OutputTokens, &view.OutputTokens}, {&f.CachedTokens, &view.CachedTokens},
		{&f.ReasoningTokens, &view.ReasoningTokens}, {&f.Sequences, &view.Sequences},
	} {
		if *count.to < 0 {
			*count.to = *count.from
		}
	}
	if f.Streaming == Unknown {
		f.Streaming = view.Streaming
	}
	if f.Leg == LegNone {
		f.Leg = view.Leg
	}
	f.Cancelled = f.Cancelled || view.Cancelled
	if f.FirstToken != 0 && k.firstTokenFrom != i { // nobody needs what this view cannot tell
		delete(view.Warnings, WarnTTFTUnmeasured)
		delete(view.Warnings, WarnEventsDropped)
	}
	if f.Warnings == nil {
		f.Warnings = view.Warnings
	} else {
		f.Warnings.Merge(view.Warnings)
	}
}

// InstanceOf names the process that an engine's span belongs to: service.instance.id, else host and process, else the
// data-parallel rank, of the host where it is stated; "" when none is.
func InstanceOf(s *Span) string {
	r := s.resource()
	if id := r.Text("service.instance.id"); id != "" {
		return id
	}
	host := hostOf(r)
	if pid, ok := r.Get("process.pid"); ok && host != "" {
		return host + "/" + pid.String()
	}
	for _, of := range [...]Attributes{s.Attributes, r} {
		for _, key := range [...]string{"dp_rank", "vllm.dp_rank"} {
			if rank, ok := of.Number(key); ok && rank >= 0 {
				name := "dp" + strconv.FormatInt(int64(rank), 10)
				if host != "" {
					name = host + "/" + name
				}
				return name
			}
		}
	}
	return ""
}

// DeviceOf names the accelerator that an engine's process runs on, as its resource states it: an id that is its own
// anywhere, else its number on a host; "" when none is stated. Several, of one process, are one text.
func DeviceOf(s *Span) string {
	r := s.resource()
	if id := r.Text("gpu.uuid"); id != "" {
		return id
	}
	if id := r.Text("hw.id"); id != "" && r.Text("hw.type") == "gpu" {
		return id
	}
	host := hostOf(r)
	for _, key := range [...]string{"gpu.id", "gpu.index", "cuda.visible_devices"} {
		if v, ok := r.Get(key); ok && host != "" && v.String() != "" {
			return host + "/gpu" + v.String()
		}
	}
	return ""
}

func (s *Span) resource() Attributes {
	if s.Resource == nil {
		return nil
	}
	return s.Resource.Attributes
}

func hostOf(r Attributes) string { return cmp.Or(r.Text("host.name"), r.Text("host.id")) }
