package main

import (
	"strings"
	"testing"
)

func TestOTelEnvironmentHints(t *testing.T) {
	for _, test := range []struct{ env, says, next string }{
		{"", "", ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317", "", ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "", ""},
		{"OTEL_SDK_DISABLED=TRUE", "send nothing", "unset"},
		{"OTEL_TRACES_EXPORTER=console,otlp", "", ""},
		{"OTEL_TRACES_EXPORTER=none", "do not send OTLP", "OTEL_TRACES_EXPORTER=otlp"},
		{"OTEL_TRACES_SAMPLER=parentbased_always_off", "record no traces", "unset"},
		{"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.01", "ARG=0.01", "fine if it is meant"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4317", "is no URL", "http://127.0.0.1:4317"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://u:secret@tempo.example:4317", "http://u:xxxxx@tempo.example:4317", "a copy here"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://[::1]:4318 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "speaks HTTP", "4317"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317 OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "speaks gRPC", "4318"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://far:1 OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://localhost:9999", "receives on 4317", "4317"},
	} {
		a := &app{environ: strings.Fields(test.env)}
		var says, next string
		for _, c := range checkOTelEnv(a.getenv, "4317", "4318") {
			says, next = says+c.Says, next+c.Next
		}
		if test.says == "" && says != "" {
			t.Errorf("%s: found %q in a sound environment", test.env, says)
		}
		if !strings.Contains(says, test.says) || !strings.Contains(next, test.next) {
			t.Errorf("%s: says %q, next %q; want %q and %q", test.env, says, next, test.says, test.next)
		}
	}
}
