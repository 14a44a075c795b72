package emit

import (
	"strconv"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var (
	netHTTP = &analyzer.Scope{Name: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", Version: "0.64.0"}
	fastAPI = &analyzer.Scope{Name: "opentelemetry.instrumentation.fastapi", Version: "0.60b0"}
)

const chatRoute = "/v1/chat/completions"

// above returns the spans around a model server's own, outermost first, and the parent of that: the application's
// request, its calls of the gateway (those that failed too), the gateway's, and the HTTP server of the model server
// itself unless that is not traced. With [Options.Bare] there are none, and no parent.
func (w *writer) above(r *sim.Request) (spans []analyzer.Span, parent analyzer.SpanID) {
	if w.options.Bare {
		return nil, analyzer.SpanID{}
	}
	status := int64(200)
	if r.Refused {
		status = 400
	}
	root := w.application(r)
	spans = append(spans, root)
	for _, a := range r.Attempts {
		call := w.httpClient(root.ID, "llm-gateway", a.Start, a.End, int64(a.Status), w.app)
		spans = append(spans, call, w.httpServer(call.ID, "POST", chatRoute, a.GatewayIn, a.GatewayOut, int64(a.Status), w.gateway, netHTTP))
	}
	call := w.httpClient(root.ID, "llm-gateway", r.Tried, r.ClientEnd, status, w.app)
	relayed, atGateway := r.Last.Relayed, r.Last.AtGateway
	if r.Refused {
		relayed = r.ClientEnd - w.run.Config.Network.Delay
		atGateway = relayed - w.run.Config.Network.Gateway
	}
	gateway := w.httpServer(call.ID, "POST", chatRoute, r.GatewayIn, relayed, status, w.gateway, netHTTP)
	onward := w.httpClient(gateway.ID, "llm-server", r.GatewayOut, atGateway, status, w.gateway)
	if w.dialect.untraced {
		return append(spans, call, gateway, onward), onward.ID
	}
	written := r.Last.Written
	if r.Refused {
		written = r.Handled
	}
	server := w.httpServer(onward.ID, "POST", chatRoute, r.Accepted, written, status, w.servers[r.Replica], fastAPI)
	return append(spans, call, gateway, onward, server), server.ID
}

// application is the span of the application that wants an answer.
func (w *writer) application(r *sim.Request) analyzer.Span {
	status := int64(200)
	if r.Refused {
		status = 502
	}
	root := w.httpServer(analyzer.SpanID{}, "POST", "/chat", r.Due, r.ClientEnd, status, w.app, netHTTP)
	root.Flags = flagsLocal
	root.Attributes = append(root.Attributes, text("tenant.id", r.Stream))
	return root
}

func (w *writer) httpServer(parent analyzer.SpanID, method, route string, start, end, status int64, resource *analyzer.Resource, scope *analyzer.Scope) analyzer.Span {
	s := w.span(parent, method+" "+route, analyzer.SpanKindServer, start, end, resource, scope)
	s.Flags = flagsRemote
	s.Attributes = analyzer.Attributes{
		text("http.request.method", method), text("http.route", route), text("url.path", route), text("url.scheme", "http"),
		text("network.protocol.version", "1.1"), number("http.response.status_code", status),
	}
	if status >= 500 {
		s.Status = analyzer.StatusError
		s.Attributes = append(s.Attributes, text("error.type", strconv.FormatInt(status, 10)))
	}
	return s
}

func (w *writer) httpClient(parent analyzer.SpanID, peer string, start, end, status int64, resource *analyzer.Resource) analyzer.Span {
	s := w.span(parent, "HTTP POST", analyzer.SpanKindClient, start, end, resource, netHTTP)
	s.Attributes = analyzer.Attributes{
		text("http.request.method", "POST"), text("url.full", "http://"+peer+":8000"+chatRoute), text("server.address", peer),
		number("server.port", 8000), text("network.protocol.version", "1.1"), number("http.response.status_code", status),
	}
	if status >= 400 {
		s.Status = analyzer.StatusError
		s.Attributes = append(s.Attributes, text("error.type", strconv.FormatInt(status, 10)))
	}
	return s
}

// scrape returns the spans of a monitor's visit to a model server.
func (w *writer) scrape(n int, s *sim.Scrape) []analyzer.Span {
	w.begin(1<<40|uint64(n), nil)
	resource := w.servers[s.Replica]
	root := w.httpServer(analyzer.SpanID{}, "GET", "/metrics", s.Accepted, s.Answered, 200, resource, fastAPI)
	root.Flags = flagsLocal
	send := w.span(root.ID, "GET /metrics http send", analyzer.SpanKindInternal, s.Handled, s.Answered, resource, fastAPI)
	send.Attributes = analyzer.Attributes{text("asgi.event.type", "http.response.start"), number("http.response.status_code", 200)}
	return []analyzer.Span{root, send}
}
