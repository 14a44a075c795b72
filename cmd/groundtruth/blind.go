package main

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// truthPrefix starts the names of all attributes that hold the truth.
const truthPrefix = "slowtoken.truth."

// aliases replace the names that say what is simulated. Each sorts among the others as the name that it replaces does, so
// that nothing is in another order.
var aliases = map[string]string{
	"chat-app": "a1", "chat-app-0": "a1-0", "dcgm-exporter": "b1", "llm-gateway": "e1", "llm-gateway-0": "e1-0", "llm-server": "e2",
	// Kinds of load, which ride along as tenants.
	"agents": "t1", "batch": "t2", "chat": "t3", "code": "t4", "documents": "t5", "extraction": "t51", "minutes": "t52", "queries": "t53", "replay": "t6", "retrieval": "t7", "summaries": "t8", "support": "t81",
	"translation": "t82", "tutoring": "t83", "writing": "t9",
}

// naming are the attributes in which such a name can stand.
var naming = map[string]bool{"service.name": true, "service.instance.id": true, "tenant.id": true, "server.address": true, "url.full": true}

// blind takes the truth and the names away from spans.
func blind(spans []analyzer.Span) []analyzer.Span {
	renamed := map[*analyzer.Resource]*analyzer.Resource{}
	for i := range spans {
		s := &spans[i]
		var kept analyzer.Attributes
		for _, a := range s.Attributes {
			if !strings.HasPrefix(a.Key, truthPrefix) {
				kept = append(kept, rename(a))
			}
		}
		s.Attributes = kept
		if renamed[s.Resource] == nil {
			renamed[s.Resource] = blindResource(s.Resource)
		}
		s.Resource = renamed[s.Resource]
	}
	return spans
}

func blindResource(r *analyzer.Resource) *analyzer.Resource {
	other := *r
	other.Attributes = nil
	for _, a := range r.Attributes {
		other.Attributes = append(other.Attributes, rename(a))
	}
	return &other
}

// blindMetrics takes the names away from metrics.
func blindMetrics(points []analyzer.MetricPoint) []analyzer.MetricPoint {
	renamed := map[*analyzer.Resource]*analyzer.Resource{}
	for i := range points {
		p := &points[i]
		if renamed[p.Resource] == nil {
			renamed[p.Resource] = blindResource(p.Resource)
		}
		p.Resource = renamed[p.Resource]
	}
	return points
}

func rename(a analyzer.Attribute) analyzer.Attribute {
	if !naming[a.Key] {
		return a
	}
	text, ok := a.Value.AsString()
	if !ok {
		return a
	}
	return analyzer.Attribute{Key: a.Key, Value: analyzer.String(alias(text))}
}

// alias returns the name that stands for another. Servers are named by their dialect, and numbered.
func alias(name string) string {
	if other, ok := aliases[name]; ok {
		return other
	}
	if at := strings.LastIndex(name, "-server"); at > 0 && !strings.Contains(name, "/") {
		return "v1" + name[at+len("-server"):]
	}
	for _, host := range []string{"llm-gateway", "llm-server"} {
		name = strings.Replace(name, "://"+host+":", "://"+aliases[host]+":", 1)
	}
	return name
}
