package inference

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// truthPrefix begins the names of what was injected or seen from elsewhere; analysis never reads it.
const truthPrefix = "slowtoken.truth."

// emit ends the request's span and adds one below it for each segment of its time.
func (x *exchange) emit(ctx context.Context) {
	x.span.SetAttributes(x.attributes(ctx)...)
	if x.failed != "" {
		x.span.SetStatus(codes.Error, x.why.Error())
	}
	if x.span.IsRecording() {
		for _, at := range x.chunks {
			x.span.AddEvent("gen_ai.content.chunk", trace.WithTimestamp(time.Unix(0, at)))
		}
		if log := x.g.WeightLog; log != nil && !x.served.Resident && x.stamps.Done != 0 {
			if from, to, ok := log.Weights(x.stamps.Sent, x.stamps.Done); ok {
				x.served.WeightsFrom, x.served.WeightsTo = from, to
			}
		}
		segments, shift := Timeline(x.stamps, x.report, x.served)
		if shift != 0 {
			x.span.SetAttributes(attribute.Int64("slowtoken.clock_shift_ns", shift))
		}
		below := trace.ContextWithSpan(ctx, x.span)
		for _, s := range segments {
			x.emitSegment(below, s)
		}
	}
	x.span.End(trace.WithTimestamp(time.Unix(0, x.stamps.Ended)))
}

func (x *exchange) emitSegment(ctx context.Context, s Segment) {
	about := []attribute.KeyValue{attribute.String("slowtoken.basis", string(s.Basis))}
	names := make([]string, len(s.Phases))
	for i, p := range s.Phases {
		names[i] = p.String()
	}
	if len(names) == 1 {
		about = append(about, attribute.String("slowtoken.phase", names[0]))
	} else {
		about = append(about, attribute.String("slowtoken.covers", strings.Join(names, ",")))
	}
	if s.Detail != "" {
		about = append(about, attribute.String("slowtoken.detail", s.Detail))
	}
	switch s.Name {
	case "queue":
		about = append(about, attribute.Int("slowtoken.queue.ahead", x.ahead))
	case "tokenize":
		about = append(about, attribute.Int("slowtoken.tokenize.tokens", x.tokens))
	}
	_, span := x.g.Tracer.Start(ctx, s.Name, trace.WithTimestamp(time.Unix(0, s.Start)), trace.WithAttributes(about...))
	if s.Name == "decode" {
		span.AddEvent("first_token", trace.WithTimestamp(time.Unix(0, s.Start)))
	}
	span.End(trace.WithTimestamp(time.Unix(0, s.End)))
}

// attributes are what the request's own span says.
func (x *exchange) attributes(ctx context.Context) []attribute.KeyValue {
	list := []attribute.KeyValue{
		attribute.String("gen_ai.provider.name", "ollama"),
		attribute.Int("slowtoken.gateway.slots", x.g.Slots),
		attribute.String("slowtoken.tenant", x.tenant),
		attribute.String("http.request.method", "POST"),
		attribute.String("http.route", x.api.path),
		attribute.Int("http.response.status_code", x.status),
	}
	host, port, err := net.SplitHostPort(x.g.Upstream.Host)
	if err != nil {
		host = x.g.Upstream.Host
	}
	list = append(list, attribute.String("server.address", host))
	if n, err := strconv.Atoi(port); err == nil {
		list = append(list, attribute.Int("server.port", n))
	}
	if n := x.g.ServerSlots; n > 0 {
		list = append(list, attribute.Int("slowtoken.server.slots", n))
	}
	if q := x.q; q != nil {
		if device := x.g.resident.device(q.model); device != "" {
			list = append(list, attribute.String("slowtoken.server.device", device))
		}
		list = append(list, attribute.String("gen_ai.operation.name", q.operation), attribute.String("gen_ai.request.model", q.model),
			attribute.Bool("gen_ai.request.stream", q.stream))
		if q.maxTokens > 0 {
			list = append(list, attribute.Int("gen_ai.request.max_tokens", q.maxTokens))
		}
	}
	if x.last.Model != "" {
		list = append(list, attribute.String("gen_ai.response.model", x.last.Model))
	}
	if n := x.last.PromptEvalCount; n != nil {
		list = append(list, attribute.Int("gen_ai.usage.input_tokens", *n))
	}
	if n := x.last.EvalCount; n != nil {
		list = append(list, attribute.Int("gen_ai.usage.output_tokens", *n))
	}
	if x.last.DoneReason != "" {
		list = append(list, attribute.StringSlice("gen_ai.response.finish_reasons", []string{x.last.DoneReason}))
	}
	if len(x.chunks) > 0 {
		list = append(list, attribute.Float64("gen_ai.response.time_to_first_chunk", time.Duration(x.chunks[0]-x.stamps.Arrived).Seconds()))
	}
	if x.failed != "" {
		list = append(list, attribute.String("error.type", x.failed))
	}
	if x.g.Truth {
		list = append(list, truth(ctx)...)
	}
	return list
}

// truth is what the sender of a request knows of it and says in its baggage.
func truth(ctx context.Context) (list []attribute.KeyValue) {
	for _, m := range baggage.FromContext(ctx).Members() {
		if strings.HasPrefix(m.Key(), truthPrefix) {
			list = append(list, attribute.String(m.Key(), m.Value()))
		}
	}
	return list
}
