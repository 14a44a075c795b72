package remote

import (
	"reflect"

	"github.com/slowtoken/slowtoken/analyzer"
)

// samePoint compares two points field by field. Values hold pointers, so they are compared by their own method and the
// rest by reflection.
func samePoint(a, b analyzer.MetricPoint) bool {
	values := func(p *analyzer.MetricPoint) []*analyzer.Value {
		list := []*analyzer.Value{&p.Value, &p.Sum, &p.Min, &p.Max}
		p.Exemplars = append([]analyzer.Exemplar(nil), p.Exemplars...)
		for i := range p.Exemplars {
			list = append(list, &p.Exemplars[i].Value)
		}
		return list
	}
	attributes := func(p *analyzer.MetricPoint) []*analyzer.Attributes {
		list := []*analyzer.Attributes{&p.Attributes, &p.Metadata}
		for i := range p.Exemplars {
			list = append(list, &p.Exemplars[i].Attributes)
		}
		return list
	}
	va, vb := values(&a), values(&b)
	aa, ab := attributes(&a), attributes(&b)
	if len(va) != len(vb) {
		return false
	}
	for i := range va {
		if !va[i].Equal(*vb[i]) {
			return false
		}
		*va[i], *vb[i] = analyzer.Value{}, analyzer.Value{}
	}
	for i := range aa {
		if !aa[i].Equal(*ab[i]) {
			return false
		}
		*aa[i], *ab[i] = nil, nil
	}
	spanA, spanB := analyzer.Span{Resource: a.Resource, Scope: a.Scope}, analyzer.Span{Resource: b.Resource, Scope: b.Scope}
	if !spanA.Equal(&spanB) {
		return false
	}
	a.Resource, b.Resource, a.Scope, b.Scope = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}
