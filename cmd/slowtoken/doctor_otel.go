package main

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// checkOTelEnv looks at the OpenTelemetry variables of this shell, which an application started from here would obey:
// the usual reasons for spans that never arrive. The ports are the ones slowtoken receives gRPC and HTTP on.
func checkOTelEnv(getenv func(string) string, grpcPort, httpPort string) []check {
	var found []check
	problem := func(says, next string, args ...any) {
		found = append(found, check{Name: "opentelemetry", State: checkWarning, Says: says, Next: fmt.Sprintf(next, args...)})
	}
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		problem("OTEL_SDK_DISABLED=true: applications started from this shell send nothing", "unset OTEL_SDK_DISABLED")
	}
	if exporter := getenv("OTEL_TRACES_EXPORTER"); exporter != "" && !slices.Contains(strings.Split(exporter, ","), "otlp") {
		problem("OTEL_TRACES_EXPORTER="+exporter+": applications started from this shell do not send OTLP", "set OTEL_TRACES_EXPORTER=otlp")
	}
	switch sampler := getenv("OTEL_TRACES_SAMPLER"); {
	case strings.HasSuffix(sampler, "always_off"):
		problem("OTEL_TRACES_SAMPLER="+sampler+": applications started from this shell record no traces", "unset OTEL_TRACES_SAMPLER")
	case strings.HasSuffix(sampler, "traceidratio"):
		problem(fmt.Sprintf("OTEL_TRACES_SAMPLER=%s with OTEL_TRACES_SAMPLER_ARG=%s: only a part of the traces is recorded", sampler, getenv("OTEL_TRACES_SAMPLER_ARG")),
			"fine if it is meant; unset OTEL_TRACES_SAMPLER to record all")
	}
	variable := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	if getenv(variable) == "" {
		variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
	}
	endpoint := getenv(variable)
	if endpoint == "" {
		return found
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		problem(fmt.Sprintf("%s=%s is no URL: many SDKs refuse it", variable, printable(endpoint)), "set it to http://127.0.0.1:%s", grpcPort)
		return found
	}
	protocol := getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	host, port := u.Hostname(), u.Port()
	switch {
	case !isLocal(host):
		problem(fmt.Sprintf("%s=%s: applications started from this shell send elsewhere", variable, u.Redacted()),
			"fine if a collector there sends a copy here; else set it to http://127.0.0.1:%s", grpcPort)
	case protocol == "grpc" && port == httpPort:
		problem(fmt.Sprintf("%s points at port %s, which speaks HTTP, but the protocol is grpc", variable, port),
			"set the port to %s, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", grpcPort)
	case strings.HasPrefix(protocol, "http/") && port == grpcPort:
		problem(fmt.Sprintf("%s points at port %s, which speaks gRPC, but the protocol is %s", variable, port, protocol),
			"set the port to %s, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc", httpPort)
	case port != grpcPort && port != httpPort:
		problem(fmt.Sprintf("%s=%s: slowtoken receives on %s (gRPC) and %s (HTTP)", variable, u.Redacted(), grpcPort, httpPort),
			"set it to http://127.0.0.1:%s", grpcPort)
	}
	return found
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && (ip.IsLoopback() || ip.IsUnspecified()))
}
