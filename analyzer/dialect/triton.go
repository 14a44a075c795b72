package dialect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// tritonStages are the phases between an event and a later one, on one span.
var tritonStages = []struct {
	from, to string
	part     analyzer.Part
}{
	{"HTTP_RECV_START", "HTTP_RECV_END", analyzer.Part{Phase: analyzer.Network}},
	{"GRPC_WAITREAD_END", "REQUEST_START", analyzer.Part{Phase: analyzer.Frontend}},
	{"QUEUE_START", "COMPUTE_START", analyzer.Part{Phase: analyzer.Queue, Detail: "unknown"}},
	{"COMPUTE_START", "COMPUTE_INPUT_END", analyzer.Part{Phase: analyzer.GPUTransfer, Detail: "h2d"}},
	{"COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", analyzer.Part{Covers: analyzer.SetOf(analyzer.Prefill, analyzer.Decode)}},
	{"COMPUTE_OUTPUT_START", "COMPUTE_END", analyzer.Part{Phase: analyzer.GPUTransfer, Detail: "d2h"}},
	{"HTTP_SEND_START", "HTTP_SEND_END", analyzer.Part{Phase: analyzer.Stream}},
}

// Triton is the dialect of NVIDIA's Triton Inference Server.
var Triton = analyzer.Dialect{
	Name: "triton",
	Doc: "Spans of Triton: InferRequest is the call, a model's span below it has events between which the phases lie, in " +
		"whatever order they were written. Input and output of a computation are gpu_transfer (h2d, d2h); the computation " +
		"itself is opaque: prefill and decode are not separable, and there is no first token. Sending is stream: it lasts until " +
		"the connection has taken the answer. Models of an ensemble are parts " +
		"of one call.",
	Engine: true,
	Keys:   keys([]string{"triton.model_name", "triton.request_id"}, callKeys),
	Marks:  []string{"triton.*"},
	Names:  []string{"InferRequest", "compute"},
	Match: func(s *analyzer.Span) analyzer.Role {
		if s.Name == "InferRequest" {
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	Call: func(t *analyzer.Trace, span int32) analyzer.Call {
		c := readCall(&t.Spans[span])
		models := append([]int32{span}, t.Children(span)...)
		for _, i := range models {
			attributes := t.Spans[i].Attributes
			c.RequestModel = cmp.Or(c.RequestModel, attributes.Text("triton.model_name"))
			c.RequestID = cmp.Or(c.RequestID, attributes.Text("triton.request_id"))
		}
		return c
	},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		if s := &t.Spans[span]; s.Name == "InferRequest" || s.Name == "compute" || hasKey(s, "triton.") {
			return tritonParts(s)
		}
		return nil
	},
}

func tritonParts(s *analyzer.Span) (parts []analyzer.Part) {
	events := slices.Clone(s.Events)
	slices.SortStableFunc(events, func(a, b analyzer.Event) int { return cmp.Compare(a.Time, b.Time) })
	for i, from := range events {
		for _, stage := range tritonStages {
			if stage.from != strings.ToUpper(from.Name) {
				continue
			}
			for _, to := range events[i+1:] {
				if strings.ToUpper(to.Name) != stage.to {
					continue
				}
				part := stage.part
				part.Start, part.End, part.Source = from.Time, to.Time, analyzer.SourceEvent
				parts = append(parts, part)
				break
			}
		}
	}
	return parts
}
