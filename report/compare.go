package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// CompareSchema names the JSON form of a Comparison.
const CompareSchema = "slowtoken.compare/1"

// How many requests a sample holds: one that is compared at once, and one that is saved with a report.
const (
	comparedRequests = 20000
	savedRequests    = 2000
)

// A Comparison says what differs between two windows. Times are nanoseconds.
type Comparison struct {
	Schema  string    `json:"schema"`
	Sources [2]string `json:"sources"` // before and after
	// Slower and Faster name what changed beyond chance, at the same sizes if those changed: SizesChanged.
	Slower       []string `json:"slower"`
	Faster       []string `json:"faster"`
	SizesChanged bool     `json:"sizes_changed"`
	LoadChanged  bool     `json:"load_changed"` // the rate of arrivals
	population.Comparison
	Gates []Gate `json:"fail_on,omitempty"`
}

// Sample reads all traces and takes what a comparison needs of their requests.
func Sample(traces iter.Seq2[*analyzer.Trace, error], o Options) (*population.Sample, error) {
	p, err := collect(traces, o)
	if err != nil {
		return nil, err
	}
	return p.Sample(comparedRequests, o.Window.Until), nil
}

// ErrNoSample says that a saved report holds no requests to compare.
var ErrNoSample = errors.New("it holds no sample of its requests")

// ReadSample reads the sample from a report that was saved as JSON, and what that report was made of.
func ReadSample(r io.Reader) (s *population.Sample, source string, err error) {
	var saved struct {
		Schema string             `json:"schema"`
		Source string             `json:"source"`
		Sample *population.Sample `json:"sample"`
	}
	if err := json.NewDecoder(r).Decode(&saved); err != nil {
		return nil, "", fmt.Errorf("read a saved report: %w", err)
	}
	if saved.Schema != Schema {
		return nil, "", fmt.Errorf("read a saved report: its schema is %q, want %q", saved.Schema, Schema)
	}
	if saved.Sample == nil {
		return nil, "", fmt.Errorf("read a saved report: %w", ErrNoSample)
	}
	return saved.Sample, saved.Source, nil
}

// Compare compares two samples and judges the conditions. One seed has one result.
func Compare(before, after *population.Sample, sources [2]string, gates []Gate, seed uint64) *Comparison {
	c := &Comparison{Schema: CompareSchema, Sources: sources, Comparison: *population.Compare(before, after, seed), Slower: []string{}, Faster: []string{}}
	for i := range c.Workload {
		switch w := &c.Workload[i]; {
		case !w.Significant:
		case w.Stat == "rate":
			c.LoadChanged = true
		default:
			c.SizesChanged = true
		}
	}
	for _, list := range [][]population.Change{c.Measures, c.Phases} {
		for i := range list {
			d := c.judged(&list[i])
			switch {
			case list[i].Why != "" || !d.Significant:
			case d.After > d.Before:
				c.Slower = append(c.Slower, changeName(&list[i]))
			default:
				c.Faster = append(c.Faster, changeName(&list[i]))
			}
		}
	}
	for _, g := range gates {
		c.Gates = append(c.Gates, c.judge(g))
	}
	return c
}

// judged returns the difference that speaks of the server: at the same sizes, if what was asked for changed.
func (c *Comparison) judged(ch *population.Change) *population.Difference {
	if c.SizesChanged && ch.Same != nil {
		return ch.Same
	}
	return &ch.Difference
}

// changeName names a change in a list.
func changeName(c *population.Change) string {
	if c.Path != nil {
		return fmt.Sprintf("%s (%s)", c.Name, c.Path)
	}
	return c.Name + " " + c.Stat
}

// Failed reports whether a condition was met that was not to be.
func (c *Comparison) Failed() bool {
	return slices.ContainsFunc(c.Gates, func(g Gate) bool { return g.Verdict == VerdictFail })
}

// Undecided reports whether nothing can be said about some condition.
func (c *Comparison) Undecided() bool {
	return slices.ContainsFunc(c.Gates, func(g Gate) bool { return g.Verdict == VerdictUnknown })
}

// judge fails a gate if one of the figures it asks about is worse by more than its limit, and significantly so.
func (c *Comparison) judge(g Gate) Gate {
	worst, whatWorst := math.Inf(-1), ""
	known, why := false, ""
	for _, ch := range c.asked(g) {
		d := c.judged(ch)
		if ch.Why != "" {
			why = changeName(ch) + " " + ch.Why
			continue
		}
		known = true
		by := math.Inf(1)
		switch {
		case ch.Unit == "share":
			by = d.After - d.Before
		case d.Change != nil:
			by = d.Change.Value
		case d.After == d.Before:
			by = 0
		}
		if d.Significant && by > worst {
			worst, whatWorst = by, changeName(ch)
		}
	}
	switch {
	case !known:
		g.Verdict, g.Detail = VerdictUnknown, why
		if why == "" {
			g.Detail = "not observable on either side"
		}
	case worst > g.Limit:
		g.Verdict, g.Detail = VerdictFail, whatWorst+" "+signedPercent(worst)
	default:
		g.Verdict, g.Detail = VerdictPass, "nothing is worse by so much beyond chance"
	}
	return g
}

// asked returns the figures that a gate asks about.
func (c *Comparison) asked(g Gate) (list []*population.Change) {
	if g.Name == gateErrors || g.Name == gateRegression {
		list = append(list, c.Errors)
	}
	measure, isMeasure := gateMeasures[g.Name]
	for i := range c.Measures {
		ch := &c.Measures[i]
		if g.Name == gateRegression || isMeasure && ch.Name == measure && (g.Stat == "" || g.Stat == ch.Stat) {
			list = append(list, ch)
		}
	}
	for i := range c.Phases {
		if c.Phases[i].Name == g.Name {
			list = append(list, &c.Phases[i])
		}
	}
	return list
}

func signedPercent(share float64) string {
	switch {
	case math.IsInf(share, 1):
		return "from nothing"
	case math.Abs(share) >= 9.995:
		return fmt.Sprintf("%+.0f %%", 100*share)
	}
	return fmt.Sprintf("%+.1f %%", 100*share)
}

// WriteCompareJSON prints all of c as indented JSON.
func WriteCompareJSON(w io.Writer, c *Comparison) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(c)
}

// CompareFormats lists the formats of comparisons.
var CompareFormats = []struct {
	Name  string
	Write func(io.Writer, *Comparison) error
}{{"text", WriteCompareText}, {"json", WriteCompareJSON}}

// CompareFormatNames lists their names.
func CompareFormatNames() string {
	var names []string
	for _, f := range CompareFormats {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}
