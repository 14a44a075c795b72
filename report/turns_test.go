package report

import (
	"fmt"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// agentTurns are answers of an agent: two calls of a model with a tool between them, the tool slower each time.
func agentTurns() (list []testSpan) {
	for i := range 4 {
		trace, at, tool := byte(i+1), float64(20*i), 1+float64(i)
		chat := func(id byte, start float64) testSpan {
			return testSpan{trace: trace, id: id, parent: 1, service: "agent", name: "chat m", kind: analyzer.SpanKindClient, start: start, end: start + 2,
				attributes: analyzer.Attributes{text("gen_ai.operation.name", "chat"), text("gen_ai.request.model", "m"), count("gen_ai.usage.output_tokens", 9)}}
		}
		list = append(list,
			testSpan{trace: trace, id: 1, service: "agent", name: "invoke_agent helper", start: at, end: at + 4.5 + tool, attributes: analyzer.Attributes{text("gen_ai.operation.name", "invoke_agent")}},
			chat(2, at+0.25),
			testSpan{trace: trace, id: 3, parent: 1, service: "agent", name: "execute_tool search", start: at + 2.25, end: at + 2.25 + tool, attributes: analyzer.Attributes{text("gen_ai.operation.name", "execute_tool")}},
			chat(4, at+2.25+tool),
		)
	}
	return list
}

func TestTurnsByName(t *testing.T) {
	r := buildReport(t, agentTurns(), Options{TraceLink: "https://traces.example/{trace_id}"})
	if len(r.TurnGroups) != 1 {
		t.Fatalf("%+v", r.TurnGroups)
	}
	g := r.TurnGroups[0]
	slowest := analyzer.TraceID{0: 4, 15: 1}.String()
	want := TurnGroup{
		Service: "agent", Name: "invoke_agent helper", Turns: 4, Requests: 2, Mean: 7 * second, P50: 6500e6, P95: 8500e6,
		Inference: 4 * second, Tool: 2500e6, Orchestration: 500e6, Slowest: slowest, Link: "https://traces.example/" + slowest,
	}
	if g != want {
		t.Errorf("got  %+v\nwant %+v", g, want)
	}
	if sum := g.Inference + g.Tool + g.Orchestration; sum != g.Mean {
		t.Errorf("what a turn is spent on adds up to %s", fmt.Sprint(sum))
	}
}
