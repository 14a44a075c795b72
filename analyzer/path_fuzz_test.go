package analyzer

import (
	"math"
	"slices"
	"testing"
)

// FuzzNewTrace makes spans of arbitrary bytes, seven each, and holds what is true of every trace.
func FuzzNewTrace(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x00\x00\x64\x01\x00\x00" + "\x02\x01\x0a\x1e\x01\x00\x00" + "\x03\x01\x28\x1e\x01\x00\x00")) // touching siblings
	f.Add([]byte("\x01\x02\x00\x64\x01\x00\x00" + "\x02\x01\x14\x1e\x01\x00\x00" + "\x01\x01\x00\x64\x01\x00\x00")) // a loop, a self-parent
	f.Add([]byte("\x01\x00\x00\x64\x04\x00\x00" + "\x02\x01\x14\x46\x05\x00\x00" + "\x03\x00\x14\x46\x05\x02\x01")) // producer, consumer, follower
	f.Add([]byte("\x01\x00\xf0\xff\x01\x00\x00" + "\x02\x01\xf1\xfe\x01\x00\x00" + "\x03\x02\xf2\xfd\x01\x01\x02")) // the ends of time
	f.Add([]byte("\x01\x00\x00\x64\x01\x00\x00" + "\x01\x00\x00\x64\x01\x00\x00" + "\x01\x00\x00\x64\x02\x00\x00")) // copies and a namesake
	f.Fuzz(func(t *testing.T, data []byte) {
		spans := fuzzedSpans(data)
		trace := assemble(spans)
		requireForest(t, trace, len(spans))
		requireTiled(t, trace)
		slices.Reverse(spans)
		if again := assemble(spans); !slices.Equal(trace.CriticalPath(), again.CriticalPath()) {
			t.Fatal("the path depends on the order of arrival")
		}
	})
}

func fuzzedSpans(data []byte) []Span {
	var spans []Span
	for ; len(data) >= 7; data = data[7:] {
		s := Span{
			TraceID: traceNumber(1), ID: spanNumber(uint64(data[0])), Parent: spanNumber(uint64(data[1])),
			Start: fuzzedTime(data[2]), Kind: SpanKind(data[4] % 6),
		}
		s.End = s.Start + int64(int8(data[3]))
		if data[3] >= 0xf0 {
			s.End = fuzzedTime(data[3])
		}
		switch data[5] % 4 {
		case 1:
			s.refer([]Link{reference(RefChildOf, spanNumber(uint64(data[6])))})
		case 2:
			s.refer([]Link{reference(RefFollowsFrom, spanNumber(uint64(data[6])))})
		case 3:
			s.refer([]Link{reference(RefFollowsFrom, spanNumber(uint64(data[6]))), reference(RefChildOf, spanNumber(uint64(data[1])))})
		}
		spans = append(spans, s)
	}
	return spans
}

// fuzzedTime returns small times for most bytes and the ends of time for the rest.
func fuzzedTime(b byte) int64 {
	switch {
	case b >= 0xf8:
		return math.MaxInt64 - int64(0xff-b)
	case b >= 0xf0:
		return math.MinInt64 + int64(b-0xf0)
	}
	return int64(b)
}
