package analyzer

import (
	"slices"
	"testing"
)

func TestDialectFilter(t *testing.T) {
	dialects := []Dialect{
		{Name: "prefix", Marks: []string{"gen_ai.latency.*"}},
		{Name: "key", Marks: []string{"gen_ai.system", "rid"}},
		{Name: "name", Names: []string{"llm_request", "ai.*"}},
		{Name: "all"},
		{Name: "every key", Marks: []string{"*"}},
	}
	f := newDialectFilter(dialects)
	for _, test := range []struct {
		span Span
		want []string
	}{
		{Span{}, nil},
		{Span{Name: "llm_request"}, []string{"name"}},
		{Span{Name: "llm_request_2"}, nil},
		{Span{Name: "ai.generateText"}, []string{"name"}},
		{Span{Attributes: Attributes{{"gen_ai.latency.e2e", Value{}}}}, []string{"prefix"}},
		{Span{Attributes: Attributes{{"gen_ai.latency.", Value{}}}}, []string{"prefix"}},
		{Span{Attributes: Attributes{{"gen_ai.latenc", Value{}}}}, nil},
		{Span{Attributes: Attributes{{"gen_ai.system", Value{}}}}, []string{"key"}},
		{Span{Attributes: Attributes{{"gen_ai.system2", Value{}}, {"", Value{}}}}, nil},
		{Span{Name: "ai.", Attributes: Attributes{{"x", Value{}}, {"rid", Value{}}}}, []string{"key", "name"}},
	} {
		var got []string
		set := f.candidates(&test.span)
		for i, d := range dialects {
			if set&dialectBit(i) != 0 && d.Name != "all" && d.Name != "every key" {
				got = append(got, d.Name)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: asked %q, want %q", test.span, got, test.want)
		}
		if set&dialectBit(3) == 0 || set&dialectBit(4) == 0 {
			t.Errorf("%+v: a dialect for every span was not asked", test.span)
		}
	}
}

// More dialects than a set has bits are all asked.
func TestDialectFilterOfMany(t *testing.T) {
	inference := func(s *Span) Role {
		if s.Attributes.Text("last") != "" {
			return RoleInference
		}
		return RoleNone
	}
	dialects := make([]Dialect, 80)
	for i := range dialects {
		dialects[i] = Dialect{Name: "other", Marks: []string{"other"}, Match: func(*Span) Role { return RoleInference }}
	}
	dialects[79] = Dialect{Name: "last", Marks: []string{"last"}, Match: inference}
	for i := 63; i < 79; i++ {
		dialects[i].Match = func(*Span) Role { return RoleNone }
	}
	requests, _ := Requests(NewTrace([]Span{{ID: spanNumber(1), End: 10, Attributes: Attributes{{"last", String("x")}}}}), dialects)
	if len(requests) != 1 || requests[0].Dialect != "last" {
		t.Errorf("got %+v, want one request of the last dialect", requests)
	}
}

func TestRequestsOfAnEmptyTrace(t *testing.T) {
	if requests, turns := Requests(NewTrace(nil), nil); requests != nil || turns != nil {
		t.Errorf("got %v and %v", requests, turns)
	}
}
