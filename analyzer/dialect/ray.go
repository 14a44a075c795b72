package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// RayServe is the dialect of Ray Serve's proxy and replicas.
var RayServe = analyzer.Dialect{
	Name: "ray-serve",
	Doc: "Spans of Ray Serve: proxy_http_request and proxy_route_to_replica are gateway, and from the latter's start to that of " +
		"replica_handle_request a request waits for a replica (queue, inferred). All three are envelopes of the call that they " +
		"hold. Errors are not marked on them.",
	Context: true,
	Keys:    []string{"http.status_code"},
	Names:   []string{"proxy_http_request", "proxy_route_to_replica", "replica_handle_request"},
	Match:   func(*analyzer.Span) analyzer.Role { return analyzer.RoleEnvelope },
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		name := t.Spans[span].Name
		if name == "replica_handle_request" {
			return nil
		}
		parts := whole(t, span, analyzer.Gateway, "")
		if name != "proxy_route_to_replica" {
			return parts
		}
		for _, c := range t.Children(span) {
			if t.Spans[c].Name == "replica_handle_request" {
				start, _ := t.Extent(span)
				end, _ := t.Extent(c)
				wait := analyzer.Part{Start: start, End: end, Phase: analyzer.Queue, Detail: "unknown", Source: analyzer.SourceInferred}
				return append([]analyzer.Part{wait}, parts...)
			}
		}
		return parts
	},
}
