package analyzer

import (
	"math"
	"reflect"
	"testing"
)

// Whatever field two spans differ in, their order is decided, and by Equal's notion of what differs.
func TestContentOrderSeesEveryField(t *testing.T) {
	check := func(name string, a, b Span) {
		t.Helper()
		if x, y := compareContent(&a, &b), compareContent(&b, &a); x == 0 || x != -y {
			t.Errorf("%s: compares as %d one way and %d the other", name, x, y)
		}
		if a.Equal(&b) && name != "Span.ReceivedAt" {
			t.Errorf("%s: Equal sees no difference", name)
		}
	}
	forEachField(t, Span{}, func(name string, changed Span) {
		if name != "Start" { // compared before content
			check("Span."+name, Span{}, changed)
		}
	})
	forEachField(t, Event{}, func(name string, changed Event) {
		check("Event."+name, Span{Events: []Event{{}}}, Span{Events: []Event{changed}})
	})
	forEachField(t, Link{}, func(name string, changed Link) {
		check("Link."+name, Span{Links: []Link{{}}}, Span{Links: []Link{changed}})
	})
	forEachField(t, Resource{}, func(name string, changed Resource) {
		check("Resource."+name, Span{Resource: &Resource{}}, Span{Resource: &changed})
	})
	forEachField(t, Scope{}, func(name string, changed Scope) {
		check("Scope."+name, Span{Scope: &Scope{}}, Span{Scope: &changed})
	})
}

// forEachField calls do with copies of zero that differ from it in one field.
func forEachField[T any](t *testing.T, zero T, do func(name string, changed T)) {
	t.Helper()
	for i := range reflect.TypeFor[T]().NumField() {
		changed := zero
		field := reflect.ValueOf(&changed).Elem().Field(i)
		switch field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Int64:
			field.SetInt(1)
		case reflect.Uint8, reflect.Uint32:
			field.SetUint(1)
		case reflect.Array:
			field.Index(field.Len() - 1).SetUint(1)
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		default:
			t.Fatalf("field %s has kind %s, which this test cannot change", reflect.TypeFor[T]().Field(i).Name, field.Kind())
		}
		do(reflect.TypeFor[T]().Field(i).Name, changed)
	}
}

func TestValuesOfDifferentTypesAreOrdered(t *testing.T) {
	values := []Value{
		{}, String(""), String("1"), Bool(false), Bool(true), Int(0), Int(1), Int(-1), Double(0), Double(math.Copysign(0, -1)), Double(math.NaN()),
		Bytes(nil), Bytes([]byte("1")), Array(nil), Array([]Value{Int(1)}), Array([]Value{Int(1), Int(2)}),
		Map(nil), Map(Attributes{{"k", Int(1)}}), Map(Attributes{{"k", Int(2)}}),
	}
	for i, v := range values {
		for j, w := range values {
			x, y := compareValues(v, w), compareValues(w, v)
			if (x == 0) != (i == j) || x != -y || (x == 0) != v.Equal(w) {
				t.Errorf("%v (%v) and %v (%v) compare as %d, %d", v, v.Kind(), w, w.Kind(), x, y)
			}
		}
	}
}
