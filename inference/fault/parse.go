package fault

import (
	"fmt"
	"math"
	"strconv"
	"strings"
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

// nearest returns the name that is at most three letters away, the nearest first.
func nearest(name string) (near string) {
	best := 4
	for _, f := range Faults {
		if d := distance(name, f.Name); d < best {
			best, near = d, f.Name
		}
	}
	return near
}

// distance is Levenshtein's.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
