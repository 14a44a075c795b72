package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Gate is a condition under which a comparison fails: that something got worse by more than a share, beyond what
// chance explains.
type Gate struct {
	Text  string  `json:"condition"`
	Name  string  `json:"-"` // "regression", a measure, a phase or "errors"
	Stat  string  `json:"-"` // of a measure; empty for all
	Limit float64 `json:"limit"`

	Verdict string `json:"verdict"` // "pass", "fail", or "unknown" when nothing it asks about can be compared
	Detail  string `json:"detail,omitempty"`
}

// gateMeasures are the measures by the names that conditions give them.
var gateMeasures = map[string]string{"ttft": "TTFT", "tpot": "TPOT", "itl": "longest ITL", "e2e": "E2E"}

const (
	gateRegression = "regression"
	gateErrors     = "errors"
)

var gateStats = []string{"mean", "p50", "p95", "p99"}

// GateNames lists what conditions can be about.
func GateNames() []string {
	names := []string{gateRegression, "ttft", "tpot", "itl", "e2e", gateErrors}
	for _, p := range analyzer.Phases {
		names = append(names, p.String())
	}
	return names
}

// A GateError says where a list of conditions is wrong.
type GateError struct {
	Text string
	At   int // byte of Text
	Want string
}

func (e *GateError) Error() string {
	return fmt.Sprintf("%s\n  %s\n  %s^ %s", "condition not understood:", e.Text, strings.Repeat(" ", len([]rune(e.Text[:e.At]))), e.Want)
}

// ParseGates reads conditions such as "regression>5%" or "ttft-p95>10%,errors>1%". Its errors are *[GateError].
func ParseGates(text string) ([]Gate, error) {
	var list []Gate
	at := 0
	for part := range strings.SplitSeq(text, ",") {
		g, err := parseGate(text, part, at)
		if err != nil {
			return nil, err
		}
		list = append(list, g)
		at += len(part) + 1
	}
	return list, nil
}

func parseGate(text, part string, at int) (Gate, error) {
	wrong := func(offset int, format string, args ...any) (Gate, error) {
		return Gate{}, &GateError{text, at + offset, fmt.Sprintf(format, args...)}
	}
	indent := len(part) - len(strings.TrimLeft(part, " "))
	name, limit, ok := strings.Cut(part, ">")
	g := Gate{Text: strings.TrimSpace(part), Name: strings.ToLower(strings.TrimSpace(name))}
	if !slices.Contains(GateNames(), g.Name) {
		base, stat, has := strings.Cut(g.Name, "-")
		switch {
		case !has || gateMeasures[base] == "":
			return wrong(indent, "want one of %s", strings.Join(GateNames(), ", "))
		case !slices.Contains(gateStats, stat):
			return wrong(indent+len(base)+1, "want one of %s", strings.Join(gateStats, ", "))
		}
		g.Name, g.Stat = base, stat
	}
	if !ok {
		return wrong(len(strings.TrimRight(part, " ")), "want > and how much worse it may be, such as %s>5%%", g.Name)
	}
	trimmed := strings.TrimSpace(limit)
	start := len(name) + 1 + len(limit) - len(strings.TrimLeft(limit, " "))
	number, percent := strings.CutSuffix(trimmed, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case trimmed == "" || err != nil || !(x >= 0) || x > 1e6:
		return wrong(start, "want a number and %%, such as 5%%")
	case !percent:
		return wrong(start+len(trimmed), "want %% after the number")
	}
	g.Limit = x / 100
	return g, nil
}
