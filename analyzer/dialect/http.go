package dialect

import (
	"strconv"

	"github.com/slowtoken/slowtoken/analyzer"
)

// HTTP is the dialect of HTTP and RPC instrumentation: its spans wrap calls.
var HTTP = analyzer.Dialect{
	Name: "http",
	Doc: "Spans of HTTP and RPC servers and clients, old and new names. They are no calls of their own: each can be the " +
		"envelope of the one call that it holds. A status from 400 on, or a gRPC status that is not OK, is a failure.",
	Context: true,
	Keys: []string{
		"http.request.method", "http.method", "http.route", "rpc.method",
		"http.response.status_code", "http.status_code", "rpc.grpc.status_code", "error.type",
	},
	Marks: []string{"http.request.method", "http.method", "http.route", "rpc.method"},
	Match: func(s *analyzer.Span) analyzer.Role {
		if s.Kind == analyzer.SpanKindProducer || s.Kind == analyzer.SpanKindConsumer {
			return analyzer.RoleNone
		}
		return analyzer.RoleEnvelope
	},
	Call: func(t *analyzer.Trace, span int32) analyzer.Call { return httpCall(&t.Spans[span]) },
}

// httpCall reads how an HTTP or RPC call ended.
func httpCall(s *analyzer.Span) analyzer.Call {
	c := analyzer.NoCall()
	for i := range s.Attributes {
		a := &s.Attributes[i]
		switch a.Key {
		case "http.response.status_code", "http.status_code":
			if n := count(a.Value); n >= 400 && c.ErrorType == "" {
				c.ErrorType = strconv.FormatInt(n, 10)
			}
		case "rpc.grpc.status_code":
			if n := count(a.Value); n == 1 {
				c.Cancelled = true
			} else if n > 0 && c.ErrorType == "" {
				c.ErrorType = "grpc " + strconv.FormatInt(n, 10)
			}
		case "error.type":
			if text, _ := a.Value.AsString(); text != "" {
				c.ErrorType = text
			}
		}
	}
	return c
}
