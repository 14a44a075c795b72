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
	Call: func(t *analyzer.Trace, span int32) analyzer.Call {
		c := analyzer.NoCall()
		for _, a := range t.Spans[span].Attributes {
			n, isNumber := a.Value.Number()
			switch a.Key {
			case "http.response.status_code", "http.status_code":
				if isNumber && n >= 400 && c.ErrorType == "" {
					c.ErrorType = strconv.Itoa(int(n))
				}
			case "rpc.grpc.status_code":
				if isNumber && n == 1 {
					c.Cancelled = true
				} else if isNumber && n != 0 && c.ErrorType == "" {
					c.ErrorType = "grpc " + strconv.Itoa(int(n))
				}
			case "error.type":
				if text, _ := a.Value.AsString(); text != "" {
					c.ErrorType = text
				}
			}
		}
		return c
	},
}
