package fault

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// An Injection is a fault at an intensity.
type Injection struct {
	Fault     Fault
	Intensity float64
}

// String spells the injection as [Parse] reads it.
func (i Injection) String() string {
	return i.Fault.Name + "@" + strconv.FormatFloat(i.Intensity, 'g', -1, 64)
}

// Parse reads NAME@INTENSITY, or several joined by a plus. A name alone has the fault's default intensity.
func Parse(text string) ([]Injection, error) {
	var list []Injection
	for one := range strings.SplitSeq(text, "+") {
		i, err := parseOne(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		for _, other := range list {
			if other.Fault.Name == i.Fault.Name {
				return nil, fmt.Errorf("fault %q is there twice", i.Fault.Name)
			}
		}
		list = append(list, i)
	}
	return list, nil
}

func parseOne(text string) (Injection, error) {
	name, intensity, stated := strings.Cut(text, "@")
	f, ok := byName(name)
	if !ok {
		if near := nearest(name); near != "" {
			return Injection{}, fmt.Errorf("fault %q is unknown: did you mean %s?", name, near)
		}
		return Injection{}, fmt.Errorf("fault %q is unknown: tracegen --faults lists them", name)
	}
	i := Injection{Fault: f, Intensity: f.Default}
	if !stated {
		return i, nil
	}
	if f.Unit == "" {
		return Injection{}, fmt.Errorf("fault %q: %s has no intensity; leave out the @", text, f.Name)
	}
	value, err := strconv.ParseFloat(intensity, 64)
	if err != nil || math.IsNaN(value) {
		return Injection{}, fmt.Errorf("fault %q: intensity %q is not a number of %s", text, intensity, f.Unit)
	}
	if value < f.Low || value > f.High {
		return Injection{}, fmt.Errorf("fault %q: intensity must be %g to %g %s", text, f.Low, f.High, f.Unit)
	}
	i.Intensity = value
	return i, nil
}

func byName(name string) (Fault, bool) {
	for _, f := range Faults {
		if f.Name == name {
			return f, true
		}
	}
	return Fault{}, false
}

// nearest returns the fault that was probably meant, or "" when none is close.
func nearest(name string) string {
	names := make([]string, len(Faults))
	for i := range Faults {
		names[i] = Faults[i].Name
	}
	return analyzer.Nearest(name, names)
}
