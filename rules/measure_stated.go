package rules

import (
	"slices"
	"strconv"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// measureStated fills in what requests state of the server that they went to, where all of them state the same.
func (v *view) measureStated() {
	if n, err := strconv.Atoi(v.stated("admitted")); err == nil {
		v.m["admitted_at_once"] = number(float64(n), len(v.members))
	}
	if n, err := strconv.Atoi(v.stated("server_slots")); err == nil {
		v.m["server_slots"] = number(float64(n), len(v.members))
	}
	if device := v.stated("server_device"); device != "" {
		v.m["server_device"] = text(device)
	}
}

// stated returns the one value of a dimension; requests that failed may lack it. It is "" when there are several.
func (v *view) stated(dimension string) (value string) {
	at := slices.IndexFunc(population.Dimensions[:], func(d population.Dimension) bool { return d.Name == dimension })
	for _, r := range v.members {
		switch text, ok := v.Population.Attribute(r, at); {
		case !ok, text == value:
		case value != "":
			return ""
		default:
			value = text
		}
	}
	return value
}
