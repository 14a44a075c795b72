package ingest

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slowtoken/slowtoken/analyzer"
)

// ToTraces converts spans to OTLP, the inverse of [FromTraces]. Spans that share a Resource come under one
// ResourceSpans, those that also share a Scope under one ScopeSpans, in order of first appearance.
func ToTraces(spans []analyzer.Span) ptrace.Traces {
	type place struct {
		resource *analyzer.Resource
		scope    *analyzer.Scope
	}
	td := ptrace.NewTraces()
	resources := map[*analyzer.Resource]ptrace.ResourceSpans{}
	scopes := map[place]ptrace.ScopeSpans{}
	for i := range spans {
		s := &spans[i]
		rs, ok := resources[s.Resource]
		if !ok {
			rs = td.ResourceSpans().AppendEmpty()
			if s.Resource != nil {
				rs.SetSchemaUrl(putResource(rs.Resource(), s.Resource))
			}
			resources[s.Resource] = rs
		}
		ss, ok := scopes[place{s.Resource, s.Scope}]
		if !ok {
			ss = rs.ScopeSpans().AppendEmpty()
			if s.Scope != nil {
				ss.SetSchemaUrl(putScope(ss.Scope(), s.Scope))
			}
			scopes[place{s.Resource, s.Scope}] = ss
		}
		putSpan(ss.Spans().AppendEmpty(), s)
	}
	return td
}

// putResource fills dst and returns the schema URL, which OTLP keeps beside it.
func putResource(dst pcommon.Resource, r *analyzer.Resource) (schemaURL string) {
	putAttributes(dst.Attributes(), r.Attributes)
	dst.SetDroppedAttributesCount(r.DroppedAttributes)
	return r.SchemaURL
}

// putScope is putResource for a scope.
func putScope(dst pcommon.InstrumentationScope, s *analyzer.Scope) (schemaURL string) {
	dst.SetName(s.Name)
	dst.SetVersion(s.Version)
	putAttributes(dst.Attributes(), s.Attributes)
	dst.SetDroppedAttributesCount(s.DroppedAttributes)
	return s.SchemaURL
}

func putSpan(dst ptrace.Span, s *analyzer.Span) {
	dst.SetTraceID(pcommon.TraceID(s.TraceID))
	dst.SetSpanID(pcommon.SpanID(s.ID))
	dst.SetParentSpanID(pcommon.SpanID(s.Parent))
	dst.SetStartTimestamp(pcommon.Timestamp(s.Start))
	dst.SetEndTimestamp(pcommon.Timestamp(s.End))
	dst.SetName(s.Name)
	dst.SetKind(ptrace.SpanKind(s.Kind))
	dst.Status().SetCode(ptrace.StatusCode(s.Status))
	dst.Status().SetMessage(s.StatusMessage)
	dst.TraceState().FromRaw(s.TraceState)
	dst.SetFlags(s.Flags)
	putAttributes(dst.Attributes(), s.Attributes)
	dst.SetDroppedAttributesCount(s.DroppedAttributes)
	dst.SetDroppedEventsCount(s.DroppedEvents)
	dst.SetDroppedLinksCount(s.DroppedLinks)
	dst.Events().EnsureCapacity(len(s.Events))
	for _, e := range s.Events {
		event := dst.Events().AppendEmpty()
		event.SetTimestamp(pcommon.Timestamp(e.Time))
		event.SetName(e.Name)
		putAttributes(event.Attributes(), e.Attributes)
		event.SetDroppedAttributesCount(e.DroppedAttributes)
	}
	dst.Links().EnsureCapacity(len(s.Links))
	for _, l := range s.Links {
		link := dst.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID(l.TraceID))
		link.SetSpanID(pcommon.SpanID(l.SpanID))
		link.TraceState().FromRaw(l.TraceState)
		link.SetFlags(l.Flags)
		putAttributes(link.Attributes(), l.Attributes)
		link.SetDroppedAttributesCount(l.DroppedAttributes)
	}
}

// putAttributes fills the empty map dst.
func putAttributes(dst pcommon.Map, attributes analyzer.Attributes) {
	if keyRepeats(attributes) {
		putRepeatedKeys(dst, attributes)
		return
	}
	dst.EnsureCapacity(len(attributes))
	for _, a := range attributes {
		putValue(dst.PutEmpty(a.Key), a.Value)
	}
}

func putValue(dst pcommon.Value, v analyzer.Value) {
	switch v.Kind() {
	case analyzer.KindString:
		s, _ := v.AsString()
		dst.SetStr(s)
	case analyzer.KindBool:
		b, _ := v.AsBool()
		dst.SetBool(b)
	case analyzer.KindInt:
		i, _ := v.AsInt()
		dst.SetInt(i)
	case analyzer.KindDouble:
		f, _ := v.AsDouble()
		dst.SetDouble(f)
	case analyzer.KindBytes:
		b, _ := v.AsBytes()
		dst.SetEmptyBytes().FromRaw(b)
	case analyzer.KindArray:
		list := dst.SetEmptySlice()
		list.EnsureCapacity(len(v.List()))
		for _, item := range v.List() {
			putValue(list.AppendEmpty(), item)
		}
	case analyzer.KindMap:
		putAttributes(dst.SetEmptyMap(), v.Attributes())
	}
}

func keyRepeats(attributes analyzer.Attributes) bool {
	if len(attributes) > 32 {
		seen := make(map[string]bool, len(attributes))
		for _, a := range attributes {
			seen[a.Key] = true
		}
		return len(seen) < len(attributes)
	}
	for i, a := range attributes {
		for _, b := range attributes[:i] {
			if a.Key == b.Key {
				return true
			}
		}
	}
	return false
}

// putRepeatedKeys fills dst with attributes of which two have one key. A pcommon.Map can hold them but offers no way to
// put them there, save decoding: encoded messages whose bytes are joined merge, and their repeated fields append.
func putRepeatedKeys(dst pcommon.Map, attributes analyzer.Attributes) {
	var resource []byte
	for _, a := range attributes {
		td := ptrace.NewTraces()
		putValue(td.ResourceSpans().AppendEmpty().Resource().Attributes().PutEmpty(a.Key), a.Value)
		wire, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
		if err != nil {
			panic(fmt.Sprintf("encode attribute %q: %v", a.Key, err)) // the encoder has no way to fail
		}
		resource = append(resource, firstField(firstField(wire))...)
	}
	wire := protowire.AppendTag(nil, 1, protowire.BytesType)
	wire = protowire.AppendBytes(wire, resource)
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(protowire.AppendBytes([]byte{0x0a}, wire))
	if err != nil {
		panic(fmt.Sprintf("decode attributes that were encoded here: %v", err))
	}
	td.ResourceSpans().At(0).Resource().Attributes().MoveTo(dst)
}

// firstField returns the contents of the first field of an encoded message, a message itself.
func firstField(message []byte) []byte {
	_, _, n := protowire.ConsumeTag(message)
	field, _ := protowire.ConsumeBytes(message[max(n, 0):])
	return field
}
