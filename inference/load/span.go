package load

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// start begins the client's span of a call, as OpenTelemetry's conventions for GenAI clients have it.
func (c *caller) start(ctx context.Context, epoch time.Time, o *outcome) (context.Context, trace.Span) {
	about := []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", c.api.operation),
		attribute.String("gen_ai.provider.name", c.api.provider),
		attribute.String("gen_ai.request.model", c.target.Model),
		attribute.Int("gen_ai.request.max_tokens", o.limit),
		attribute.Bool("gen_ai.request.stream", c.target.Stream),
		attribute.String("server.address", c.target.URL.Hostname()),
		attribute.String("slowtoken.load.run", c.run),
		attribute.Int("slowtoken.load.request", o.index),
	}
	if port, err := strconv.Atoi(c.target.URL.Port()); err == nil {
		about = append(about, attribute.Int("server.port", port))
	}
	if o.planned {
		about = append(about, attribute.Int64("slowtoken.load.lag_ns", o.sent-o.at))
	}
	return c.tracer.Start(ctx, c.api.operation+" "+c.target.Model, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(wall(epoch, o.sent)), trace.WithAttributes(about...))
}

// wall is the wall clock's time of ns after epoch.
func wall(epoch time.Time, ns int64) time.Time { return time.Unix(0, epoch.UnixNano()+ns) }

func (c *caller) end(span trace.Span, epoch time.Time, o *outcome, err error) {
	defer span.End(trace.WithTimestamp(wall(epoch, o.ended)))
	if !span.IsRecording() {
		return
	}
	if o.status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", o.status))
	}
	if o.model != "" {
		span.SetAttributes(attribute.String("gen_ai.response.model", o.model))
	}
	if o.id != "" {
		span.SetAttributes(attribute.String("gen_ai.response.id", o.id))
	}
	if o.finish != "" {
		span.SetAttributes(attribute.StringSlice("gen_ai.response.finish_reasons", []string{o.finish}))
	}
	if o.input >= 0 {
		span.SetAttributes(attribute.Int("gen_ai.usage.input_tokens", o.input))
	}
	if o.output >= 0 {
		span.SetAttributes(attribute.Int("gen_ai.usage.output_tokens", o.output))
	}
	if o.streamed && len(o.chunks) > 0 {
		span.SetAttributes(attribute.Float64("gen_ai.response.time_to_first_chunk", time.Duration(o.chunks[0]-o.sent).Seconds()))
		for _, at := range o.chunks {
			span.AddEvent("gen_ai.content.chunk", trace.WithTimestamp(wall(epoch, at)))
		}
	}
	switch {
	case o.cut:
		span.SetAttributes(attribute.String("error.type", "cancelled"))
		span.SetStatus(codes.Error, err.Error())
	case o.failed != "":
		span.SetAttributes(attribute.String("error.type", o.failed))
		span.SetStatus(codes.Error, o.example)
	}
}
