package ingest

import (
	"encoding/binary"
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// generate returns traces of as many spans with as many attributes each, all under one resource: a client span over
// children one after another.
func generate(traces, spans, attributes int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "generated")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("generate")
	list := ss.Spans()
	list.EnsureCapacity(traces * spans)
	for i := range traces {
		start := uint64(1_700_000_000_000_000_000) + uint64(i)*1_000_000
		for j := range spans {
			s := list.AppendEmpty()
			var trace [16]byte
			binary.BigEndian.PutUint64(trace[:], uint64(i)*0x9e3779b97f4a7c15)
			binary.BigEndian.PutUint64(trace[8:], uint64(i)+1)
			s.SetTraceID(trace)
			var id [8]byte
			binary.BigEndian.PutUint64(id[:], uint64(i)<<16+uint64(j)+1)
			s.SetSpanID(id)
			s.SetName([]string{"POST /v1/chat/completions", "llm_request", "prefill", "decode"}[j%4])
			s.SetKind(ptrace.SpanKind(1 + j%3))
			s.SetStartTimestamp(pcommon.Timestamp(start + uint64(j)*100_000))
			s.SetEndTimestamp(pcommon.Timestamp(start+uint64(j)*100_000) + 900_000)
			if j > 0 {
				binary.BigEndian.PutUint64(id[:], uint64(i)<<16+1)
				s.SetParentSpanID(id)
			}
			for k := range attributes {
				switch k % 4 {
				case 0:
					s.Attributes().PutStr(fmt.Sprintf("gen_ai.attribute.text_%d", k), fmt.Sprintf("some value %d", (i+j)%50))
				case 1:
					s.Attributes().PutInt(fmt.Sprintf("gen_ai.usage.tokens_%d", k), int64(i*j+k))
				case 2:
					s.Attributes().PutDouble(fmt.Sprintf("gen_ai.latency.seconds_%d", k), float64(i+k)/7)
				case 3:
					s.Attributes().PutStr(fmt.Sprintf("gen_ai.request.id_%d", k), fmt.Sprintf("chatcmpl-%032x", i*spans+j))
				}
			}
		}
	}
	return td
}
