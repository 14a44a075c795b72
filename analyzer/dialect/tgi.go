package dialect

import (
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TGI is the dialect of Hugging Face's Text Generation Inference.
var TGI = analyzer.Dialect{
	Name: "tgi",
	Doc: "Router spans of Text Generation Inference that state total_time. Durations are texts with a unit (\"850.1µs\"): " +
		"validation_time from the start is tokenize, queue_time follows, then inference_time, in which prefill and decode are " +
		"not separable. Spans below are finer: queued, the first infer of a request (prefill, its end is the first token), each " +
		"later infer (one step of decode) and waiting (decode stalled by the prefill of a new batch). time_per_token has the " +
		"prefill in it and is no TPOT. Spans named batch, in traces of their own that links tie to infer both ways, say with " +
		"batch_size how many requests shared a step. What is left after the last step is stream: the answer waits for its reader. " +
		"Tokens of the answer are inference_time over time_per_token, as which the router states their quotient.",
	Engine: true,
	Keys:   keys([]string{"total_time", "validation_time", "queue_time", "inference_time", "time_per_token", "batch_size"}, callKeys),
	Marks:  []string{"total_time", "inference_time"},
	Names:  []string{"queued", "infer", "waiting", "tokenize", "validate", "validate_input", "send_generation"},
	Match: func(s *analyzer.Span) analyzer.Role {
		if isTGI(s) {
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	Batch: func(s *analyzer.Span) (size int64, is bool) {
		v, ok := s.Attributes.Get("batch_size")
		return max(count(v), 0), ok && s.Name == "batch"
	},
	Call: func(t *analyzer.Trace, span int32) analyzer.Call {
		c, _ := readTGI(t, span)
		return c
	},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		s := &t.Spans[span]
		if isTGI(s) {
			_, parts := readTGI(t, span)
			return parts
		}
		if below(t, span, isTGI) < 0 {
			return nil
		}
		switch s.Name {
		case "queued":
			return whole(t, span, analyzer.Queue, "unknown")
		case "infer":
			if !laterInfer(t, span) {
				return whole(t, span, analyzer.Prefill, "")
			}
			return whole(t, span, analyzer.Decode, "")
		case "waiting":
			return whole(t, span, analyzer.Decode, "stall")
		case "tokenize", "validate", "validate_input":
			return whole(t, span, analyzer.Tokenize, "")
		case "send_generation":
			return whole(t, span, analyzer.Stream, "")
		}
		return nil
	},
}

// isTGI tells the span that states a request's durations: the router has others of the same name below it.
func isTGI(s *analyzer.Span) bool {
	switch s.Name {
	case "generate", "generate_stream", "completions", "chat_completions", "compat_generate", "vertex_compatibility":
		_, total := s.Attributes.Get("total_time")
		_, inference := s.Attributes.Get("inference_time")
		return total && inference
	}
	return false
}

// firstInfer returns the first span infer among the children of span, or -1.
func firstInfer(t *analyzer.Trace, span int32) int32 {
	for _, c := range t.Children(span) {
		if t.Spans[c].Name == "infer" {
			return c
		}
	}
	return -1
}

// firstInferBelow returns the first span infer of a request span, or -1.
func firstInferBelow(t *analyzer.Trace, span int32) int32 {
	first := firstInfer(t, span)
	descendants(t, span, func(i int32) bool {
		if first < 0 {
			first = firstInfer(t, i)
		}
		return first < 0
	})
	return first
}

// tgiSteps returns when the steps of a request span ended, the prefill first.
func tgiSteps(t *analyzer.Trace, span int32) (steps []int64) {
	first := firstInferBelow(t, span)
	if first < 0 {
		return nil
	}
	for _, i := range t.Children(t.Parent(first)) {
		if t.Spans[i].Name == "infer" {
			_, end := t.Extent(i)
			steps = append(steps, end)
		}
	}
	slices.Sort(steps)
	return steps
}

// laterInfer reports whether a sibling of span infer is an earlier infer. It looks back as far as the nearest, so that all
// of a request's are told in one pass.
func laterInfer(t *analyzer.Trace, span int32) bool {
	siblings := t.Children(t.Parent(span)) // in the order of places
	at, _ := slices.BinarySearch(siblings, span)
	for _, earlier := range slices.Backward(siblings[:at]) {
		if t.Spans[earlier].Name == "infer" {
			return true
		}
	}
	return false
}

func readTGI(t *analyzer.Trace, span int32) (analyzer.Call, []analyzer.Part) {
	s := &t.Spans[span]
	start, end := t.Extent(span)
	d := durations{length: end - start, limit: textLimit(s)}
	c := readCall(s)
	at, complete, inference := start, true, int64(unknown)
	var parts []analyzer.Part
	for _, stage := range [...]struct {
		key  string
		part analyzer.Part
	}{
		{"validation_time", analyzer.Part{Phase: analyzer.Tokenize}},
		{"queue_time", analyzer.Part{Phase: analyzer.Queue, Detail: "unknown"}},
		{"inference_time", analyzer.Part{Covers: analyzer.SetOf(analyzer.Prefill, analyzer.Decode)}},
	} {
		v, ok := s.Attributes.Get(stage.key)
		ns := int64(unknown)
		if ok {
			ns = d.readText(v)
		}
		if ns < 0 {
			complete = false // what follows begins at a time that nobody states
			break
		}
		inference = ns // the last is left
		stage.part.Start, stage.part.End, stage.part.Source = at, min(at+ns, end), analyzer.SourceAttribute
		parts = append(parts, stage.part)
		at = stage.part.End
	}
	c.Chunks, c.ChunksAreSteps = tgiSteps(t, span), true
	if n := len(c.Chunks); n > 0 {
		c.FirstToken, c.LastToken = c.Chunks[0], c.Chunks[n-1]
		at = max(at, c.LastToken)
	}
	if complete && at < end {
		parts = append(parts, analyzer.Part{Phase: analyzer.Stream, Start: at, End: end, Source: analyzer.SourceInferred})
	}
	if each, ok := s.Attributes.Get("time_per_token"); ok && complete {
		c.OutputTokens = tgiTokens(inference, d.readText(each))
	}
	c.Warnings = d.warnings
	return c, parts
}

// tgiTokens returns how many tokens an answer has: the router divides inference_time by them. Unlike the number of steps that
// holds under speculation too.
func tgiTokens(inference, each int64) int64 {
	if inference <= 0 || each <= 0 {
		return unknown
	}
	return int64(math.Round(float64(inference) / float64(each)))
}
