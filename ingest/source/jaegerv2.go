package source

import (
	"context"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"

	"github.com/slowtoken/slowtoken/ingest"
)

// jaegerV2 is Jaeger's api_v2 over gRPC. Its answers are spans of Jaeger's own model.
type jaegerV2 struct{ grpc *grpcClient }

const jaegerV2Service = "/jaeger.api_v2.QueryService/"

func (*jaegerV2) name() string         { return JaegerV2GRPC }
func (*jaegerV2) grain() time.Duration { return time.Microsecond }
func (*jaegerV2) losses() []Loss       { return append([]Loss{lossBackend}, lossesOfModel...) }
func (*jaegerV2) anyService() bool     { return false }
func (j *jaegerV2) traceLink() string  { return j.grpc.link }
func (j *jaegerV2) close() error       { return j.grpc.close() }

func (j *jaegerV2) services(ctx context.Context) ([]string, error) {
	var reply api_v2.GetServicesResponse
	err := j.grpc.call(ctx, jaegerV2Service+"GetServices", &api_v2.GetServicesRequest{}, &reply)
	return reply.Services, err
}

func (j *jaegerV2) operations(ctx context.Context, service string) ([]Operation, error) {
	var reply api_v2.GetOperationsResponse
	err := j.grpc.call(ctx, jaegerV2Service+"GetOperations", &api_v2.GetOperationsRequest{Service: service}, &reply)
	var list []Operation
	for _, o := range reply.Operations {
		list = append(list, Operation{o.Name, o.SpanKind})
	}
	if len(list) == 0 {
		for _, name := range reply.OperationNames {
			list = append(list, Operation{Name: name})
		}
	}
	return list, err
}

func (j *jaegerV2) find(ctx context.Context, s search) (*found, error) {
	request := &api_v2.FindTracesRequest{Query: &api_v2.TraceQueryParameters{
		ServiceName: s.service, StartTimeMin: s.from, StartTimeMax: s.to, SearchDepth: int32(s.depth), RawTraces: true,
	}}
	f, ids := newFound(), map[model.TraceID]bool{}
	var from ingest.JaegerModel
	err := j.grpc.stream(ctx, jaegerV2Service+"FindTraces", request, func() message { return &api_v2.SpansResponseChunk{} }, func(m message) error {
		chunk := m.(*api_v2.SpansResponseChunk).Spans
		for i := range chunk {
			ids[chunk[i].TraceID] = true
		}
		spans, refused := from.Spans(chunk)
		f.add(spans)
		f.refuse(refused)
		return nil
	})
	f.hits = len(ids)
	return f, err
}
