package population

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Filter keeps requests. Its zero value keeps them all.
type Filter struct {
	Service string  // service.name of the request
	Model   string  // model of the request
	Where   []Where // all must hold
}

// A Where asks for an attribute of a request: that of its extent's span, else of its server span, else of their
// resources. Values are compared as people write them, so 200 matches the integer and the string.
type Where struct{ Key, Value string }

func (f *Filter) any() bool { return f.Service != "" || f.Model != "" || len(f.Where) > 0 }

func (f *Filter) keeps(t *analyzer.Trace, r *analyzer.Request) bool {
	if f.Service != "" && f.Service != r.Service || f.Model != "" && f.Model != r.Model {
		return false
	}
	for _, w := range f.Where {
		if v, ok := requestAttribute(t, r, w.Key); !ok || v.String() != w.Value {
			return false
		}
	}
	return true
}

func requestAttribute(t *analyzer.Trace, r *analyzer.Request, key string) (analyzer.Value, bool) {
	var views []*analyzer.Span
	for _, id := range []analyzer.SpanID{r.SpanID, r.ServerSpan} {
		if i := slices.IndexFunc(t.Spans, func(s analyzer.Span) bool { return s.ID == id }); i >= 0 {
			views = append(views, &t.Spans[i])
		}
	}
	for _, s := range views {
		if v, ok := s.Attributes.Get(key); ok {
			return v, true
		}
	}
	for _, s := range views {
		if s.Resource == nil {
			continue
		}
		if v, ok := s.Resource.Attributes.Get(key); ok {
			return v, true
		}
	}
	return analyzer.Value{}, false
}
