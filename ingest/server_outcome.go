package ingest

import (
	"context"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// An outcome carries what a consumer found from it to the guard around the receiver: the receiver's own interface
// knows success and failure only. Only spans are ever refused one by one.
type outcome struct {
	transport string
	enveloped bool   // the consumer gets an envelope
	refused   int    // spans
	message   string // why, and what was cut; "" when all is stored as it came
}

type outcomeKey struct{}

// outcomeOf returns the outcome of the request that ctx belongs to. A request that did not pass the guard, as in unit
// tests, gets one that nobody reads.
func outcomeOf(ctx context.Context) *outcome {
	if o, ok := ctx.Value(outcomeKey{}).(*outcome); ok {
		return o
	}
	return &outcome{transport: "none"}
}

// response returns the export response that states the refusals. With none, its message is a warning.
func (o *outcome) response(asJSON bool) ([]byte, error) {
	response := ptraceotlp.NewExportResponse()
	response.PartialSuccess().SetRejectedSpans(int64(o.refused))
	response.PartialSuccess().SetErrorMessage(o.message)
	if asJSON {
		return response.MarshalJSON()
	}
	return response.MarshalProto()
}

// rawMessage wraps encoded bytes as a message that encodes to just them. The collector's response type is internal to
// it, so the response travels as the unknown fields of an empty message.
func rawMessage(encoded []byte) proto.Message {
	message := new(emptypb.Empty)
	message.ProtoReflect().SetUnknown(encoded)
	return message
}
