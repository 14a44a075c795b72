package main

import (
	"encoding/binary"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// gatewayTraces writes a run as slowtoken gateway does (inference/spans.go) in front of a server of so many slots: a span a
// request, with spans of its phases below, and with an event for each chunk if the run kept the times of tokens.
func gatewayTraces(run *sim.Run, slots int) (spans []analyzer.Span) {
	resource := &analyzer.Resource{Attributes: analyzer.Attributes{
		{Key: "service.instance.id", Value: analyzer.String("gateway-1")}, {Key: "service.name", Value: analyzer.String("slowtoken-gateway")},
	}}
	scope := &analyzer.Scope{Name: "github.com/slowtoken/slowtoken/inference"}
	for i := range run.Requests {
		r := &run.Requests[i]
		if r.Refused {
			continue
		}
		root := analyzer.Span{
			TraceID: gatewayTrace(i), ID: gatewaySpan(i, 0), Name: "chat " + run.Config.Model.Name, Kind: analyzer.SpanKindServer,
			Start: r.Handled, End: r.Last.Written, Resource: resource, Scope: scope,
		}
		text := func(key, value string) {
			root.Attributes = append(root.Attributes, analyzer.Attribute{Key: key, Value: analyzer.String(value)})
		}
		count := func(key string, n int) {
			root.Attributes = append(root.Attributes, analyzer.Attribute{Key: key, Value: analyzer.Int(int64(n))})
		}
		text("gen_ai.provider.name", "ollama")
		count("slowtoken.gateway.slots", slots)
		text("slowtoken.tenant", r.Stream)
		count("http.response.status_code", 200)
		text("gen_ai.operation.name", "chat")
		text("gen_ai.request.model", run.Config.Model.Name)
		root.Attributes = append(root.Attributes, analyzer.Attribute{Key: "gen_ai.request.stream", Value: analyzer.Bool(true)})
		count("gen_ai.usage.input_tokens", r.Prompt)
		count("gen_ai.usage.output_tokens", r.Output)
		if r.FirstToken > 0 { // it passes on what it gets; a server that answers in one piece sends all at once
			root.Attributes = append(root.Attributes, analyzer.Attribute{
				Key: "gen_ai.response.time_to_first_chunk", Value: analyzer.Double(float64(r.FirstToken-r.Handled) / 1e9),
			})
			for _, at := range r.TokenTimes {
				root.Events = append(root.Events, analyzer.Event{Time: at, Name: "gen_ai.content.chunk"})
			}
		}
		spans = append(spans, root)
		for k, s := range r.Ledger() {
			if s.Start < root.Start || s.End > root.End || s.Phase == analyzer.Network || s.Phase == analyzer.Client || s.Phase == analyzer.Gateway {
				continue
			}
			below := analyzer.Span{
				TraceID: root.TraceID, ID: gatewaySpan(i, k+1), Parent: root.ID, Name: s.Phase.String(), Kind: analyzer.SpanKindInternal,
				Start: s.Start, End: s.End, Resource: resource, Scope: scope,
				Attributes: analyzer.Attributes{{Key: "slowtoken.phase", Value: analyzer.String(s.Phase.String())}},
			}
			basis := "measured"
			if s.Phase == analyzer.Prefill || s.Phase == analyzer.Decode || s.Phase == analyzer.ModelLoad {
				basis = "reported"
			}
			below.Attributes = append(below.Attributes, analyzer.Attribute{Key: "slowtoken.basis", Value: analyzer.String(basis)})
			if s.Detail != "" {
				below.Attributes = append(below.Attributes, analyzer.Attribute{Key: "slowtoken.detail", Value: analyzer.String(s.Detail)})
			}
			spans = append(spans, below)
		}
	}
	return spans
}

// gatewayTrace and gatewaySpan give ids that compress well and are never zero.
func gatewayTrace(i int) (id analyzer.TraceID) {
	binary.BigEndian.PutUint64(id[8:], uint64(i)+1)
	return id
}

func gatewaySpan(i, k int) (id analyzer.SpanID) {
	binary.BigEndian.PutUint64(id[:], uint64(i+1)<<8|uint64(k))
	return id
}
