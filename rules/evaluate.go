package rules

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Case is what rules are evaluated on: a regime of a capacity domain, or all of a domain's time.
type Case struct {
	Place
	Measures Measures
	// Cohort returns the affected requests of that kind; nil where only measures are known.
	Cohort func(who Affected, phase analyzer.Phase) Cohort
}

// A Cohort is requests that a finding concerns.
type Cohort struct {
	N, Of     int
	Arrivals  int // of an incident; 0 where it is none
	Exemplars []Exemplar
	Doubtful  int  // of N, with a doubt that touches the phase
	Inferred  bool // the phase is only inferred
	// Unverified says that all were read by dialects that were not tested against the real stack.
	Unverified bool
}

// outcome is what became of one rule in one case.
type outcome struct {
	fired   bool
	missing []string // variables; nil when the conditions could be decided
	margin  float64  // how far the rule is from firing; infinite where that cannot be said
	nearest *Expr    // the comparison that is furthest from holding
}

// Evaluate says which rules of s hold in the cases, ranks them, and folds symptoms under their causes.
func (s *Set) Evaluate(cases []Case) *Result {
	result := &Result{Verdict: VerdictHealthy, Findings: []Finding{}, Telemetry: []Finding{}, Skipped: []Skipped{}, Withheld: []Withheld{}, Unnamed: []Unnamed{}}
	var found []Finding
	decided := map[string]bool{}
	needs := map[string][]Need{}
	for i := range cases {
		c := &cases[i]
		found = append(found, s.evaluateCase(c, result, decided, needs)...)
	}
	for _, r := range s.Rules {
		if !decided[r.ID] && len(needs[r.ID]) > 0 {
			result.Skipped = append(result.Skipped, Skipped{r.ID, r.Title, needs[r.ID]})
		}
	}
	s.arrange(s.notExcluded(found, result), result)
	if result.Verdict == VerdictHealthy {
		s.doubtHealth(cases, decided, result)
	}
	return result
}

// evaluateCase evaluates all rules in one case: telemetry first, since what it discredits names no bottleneck.
func (s *Set) evaluateCase(c *Case, result *Result, decided map[string]bool, needs map[string][]Need) (found []Finding) {
	var fired []Finding
	discredited := map[analyzer.Phase]string{}
	for _, r := range s.Rules {
		if (r.Scope == ScopeAll) != (c.Regime == 0) {
			continue
		}
		o := r.decide(c)
		if o.missing != nil {
			needs[r.ID] = addNeeds(needs[r.ID], o.missing, c.Measures)
			continue
		}
		decided[r.ID] = true
		if !o.fired {
			if r.Class != ClassTelemetry {
				result.near(r, c, o)
			}
			continue
		}
		if by := discredited[r.Phase]; by != "" && r.Class != ClassTelemetry {
			result.Withheld = append(result.Withheld, Withheld{r.ID, by, "the telemetry of " + r.Phase.String() + " cannot be trusted", c.Place})
			continue
		}
		for _, phase := range r.Discredits.Phases() {
			discredited[phase] = r.ID
		}
		fired = append(fired, r.finding(c))
	}
	for i := range fired {
		f := &fired[i]
		if by := s.excludedBy(f, fired, func(*Finding) bool { return true }); by != "" {
			result.Withheld = append(result.Withheld, Withheld{f.Rule, by, by + " explains it", c.Place})
			continue
		}
		found = append(found, *f)
	}
	return found
}

// notExcluded leaves out what a finding about all of a domain's time excludes in one of its regimes, and the reverse.
func (s *Set) notExcluded(found []Finding, result *Result) (kept []Finding) {
	for i := range found {
		f := &found[i]
		by := s.excludedBy(f, found, func(other *Finding) bool { return (other.Regime == 0) != (f.Regime == 0) && f.meets(other) })
		if by == "" {
			kept = append(kept, *f)
			continue
		}
		result.Withheld = append(result.Withheld, Withheld{f.Rule, by, by + " explains it", f.Place})
	}
	return kept
}

// excludedBy returns the rule of a finding of the list that excludes f and can stand for it; "" for none.
func (s *Set) excludedBy(f *Finding, list []Finding, near func(*Finding) bool) string {
	for i := range list {
		if other := &list[i]; near(other) && slices.Contains(s.Rule(other.Rule).Excludes, f.Rule) && other.standsFor(f) {
			return other.Rule
		}
	}
	return ""
}

// standsFor reports whether f may be named in the place of other, which it explains: what is experimental says nothing
// about what is not, and what is minor does not explain what matters.
func (f *Finding) standsFor(other *Finding) bool {
	return (!f.Experimental || other.Experimental) && (f.Severity != SeverityMinor || other.Severity == SeverityMinor)
}

func addNeeds(list []Need, names []string, m Measures) []Need {
	for _, name := range names {
		if slices.ContainsFunc(list, func(n Need) bool { return n.Variable == name }) {
			continue
		}
		v, _ := VariableNamed(name)
		list = append(list, Need{name, v.Supply.Name, v.Supply.For(m["stack"].Text), m[name].Why})
	}
	return list
}

// decide evaluates the conditions of r.
func (r *Rule) decide(c *Case) (o outcome) {
	b := &bindings{measures: c.Measures, params: r.paramMap()}
	o.fired = true
	for _, when := range r.When {
		switch got := when.eval(b); {
		case got.missing != nil:
			o.missing = append(o.missing, got.missing...)
		case got.err != nil || !got.value.Bool:
			o.fired = false
			if margin, nearest := when.margin(b); margin > o.margin || o.nearest == nil {
				o.margin, o.nearest = margin, nearest
			}
		}
	}
	if !o.fired { // what else is not known changes nothing
		o.missing = nil
	} else if o.missing != nil {
		o.fired = false
	}
	return o
}

// margin returns how far e is from being true, as a share of the limit it is compared with, and the comparison that says
// so: 0 when it is true, infinite when it cannot be said.
func (e *Expr) margin(b *bindings) (float64, *Expr) {
	r := e.eval(b)
	if r.value.Known && r.value.Bool {
		return 0, e
	}
	switch {
	case e.op == "?:":
		return e.chosen(b).margin(b)
	case e.op == "&&", e.op == "||":
		left, nearLeft := e.left.margin(b)
		right, nearRight := e.right.margin(b)
		if (left > right) == (e.op == "&&") {
			return left, nearLeft
		}
		return right, nearRight
	case e.left == nil || e.left.Kind == Bool || e.left.Kind == Text:
		return math.Inf(1), e
	}
	left, right := e.left.eval(b), e.right.eval(b)
	if !left.value.Known || !right.value.Known || right.value.Number == 0 {
		return math.Inf(1), e
	}
	return math.Abs(left.value.Number-right.value.Number) / math.Abs(right.value.Number), e
}

// chosen returns the side of a choice that counts.
func (e *Expr) chosen(b *bindings) *Expr {
	if e.choice.eval(b).value.Bool {
		return e.left
	}
	return e.right
}

// near keeps the rule that is nearest to firing.
func (result *Result) near(r *Rule, c *Case, o outcome) {
	if o.nearest == nil || math.IsInf(o.margin, 0) || r.Experimental() || result.Nearest != nil && result.Nearest.Margin <= o.margin {
		return
	}
	b := &bindings{measures: c.Measures, params: r.paramMap()}
	result.Nearest = &Near{
		Rule: r.ID, Title: r.Title, Condition: o.nearest.Text, Margin: o.margin, Place: c.Place,
		Value: o.nearest.left.print(b, r), Limit: o.nearest.right.print(b, r),
	}
}

// print writes the value of e for people, in the unit of the variable or parameter that it is.
func (e *Expr) print(b *bindings, r *Rule) string {
	got := e.eval(b)
	if !got.value.Known {
		return unknownText
	}
	unit := ""
	if v, ok := VariableNamed(e.Text); ok {
		unit = v.Unit
	} else if p := r.param(e.Text); p != nil {
		unit = p.Unit
	}
	return formatMeasure(got.value, e.Kind, unit)
}

// finding makes the finding of a rule that holds in c.
func (r *Rule) finding(c *Case) Finding {
	b := &bindings{measures: c.Measures, params: r.paramMap()}
	stack := c.Measures["stack"].Text
	f := Finding{
		Rule: r.ID, Title: r.Title, Class: r.Class, Phase: r.Phase, Place: c.Place, Floor: r.Recover.Floor,
		Symptoms: fillAll(r.Symptoms, b), Recommendation: r.Fix.fill(b, stack), Tier: tierOf(r.Fix.Effort, r.Fix.Risk),
		Recoverable: r.Recover.E2E.amount(b), TTFT: r.Recover.TTFT.amount(b),
	}
	f.Cause, _ = r.Cause.fill(b)
	f.Predict = r.scenario(b)
	cohort := c.cohort(r)
	f.Who = AffectedRequests{Who: r.Affected, N: cohort.N, Of: cohort.Of, Exemplars: append([]Exemplar{}, cohort.Exemplars...)}
	if cohort.Of > 0 {
		f.Who.Share = float64(cohort.N) / float64(cohort.Of)
	}
	if r.Recover.OfAll && f.Who.Share > 0 {
		f.Recoverable, f.TTFT = f.Recoverable.times(1/f.Who.Share), f.TTFT.times(1/f.Who.Share)
	}
	f.Experimental = r.Experimental() || cohort.Unverified
	f.Evidence = r.evidence(b)
	f.Confidence = confidence(f.Evidence, cohort)
	f.Priority = priority(&f)
	f.Severity = severity(r, c, &f)
	f.TakesOver = len(r.Causes) > 0 && c.Measures["replayed"].Bool
	return f
}

func (c *Case) cohort(r *Rule) Cohort {
	if c.Cohort != nil {
		return c.Cohort(r.Affected, r.Phase)
	}
	n := int(c.Measures["requests"].Number)
	return Cohort{N: n, Of: n}
}

// scenario returns the change that a replay can try, nil if there is none or it cannot be computed.
func (r *Rule) scenario(b *bindings) *population.Scenario {
	var c population.Scenario
	p := &r.Fix.Predict
	value := func(e *Expr, set func(x float64)) {
		if e == nil {
			return
		}
		if got := e.eval(b); got.value.Known {
			set(got.value.Number)
		}
	}
	value(p.Scale, func(x float64) { c.Scale = map[analyzer.Phase]float64{r.Phase: x} })
	value(p.Slots, func(x float64) { c.Slots = int(x) })
	value(p.ChunkBudget, func(x float64) { c.ChunkBudget = int64(x) })
	if c.Check() != nil {
		return nil
	}
	return &c
}

func fillAll(list []*Template, b *bindings) []string {
	out := []string{}
	for _, t := range list {
		if s, _ := t.fill(b); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// fill writes the recommendation for a stack. A setting whose numbers are not known, or that is empty
// here, is left out.
func (f *Fix) fill(b *bindings, stack string) Recommendation {
	out := Recommendation{Steps: fillAll(f.Steps, b), Settings: []string{}, Effort: f.Effort, Risk: f.Risk, References: f.References}
	if out.References == nil {
		out.References = []string{}
	}
	out.Summary, _ = f.Summary.fill(b)
	for _, t := range f.Settings[stack] {
		if s, complete := t.fill(b); complete && s != "" {
			out.Settings, out.Stack = append(out.Settings, s), stack
		}
	}
	before, known := f.Before.fill(b)
	after, knownAfter := f.After.fill(b)
	if known && knownAfter {
		out.Before, out.After = before, after
	}
	return out
}

func (e *Expr) amount(b *bindings) *Amount {
	if e == nil {
		return nil
	}
	r := e.estimate(b)
	if !r.value.Known {
		return nil
	}
	a := &Amount{Value: r.value.Number}
	if r.value.Interval {
		a.Low, a.High = &r.value.Low, &r.value.High
	}
	return a
}

// times returns a factor times a, nil of nil.
func (a *Amount) times(factor float64) *Amount {
	if a == nil {
		return nil
	}
	out := Amount{Value: factor * a.Value}
	if a.Low != nil && a.High != nil {
		low, high := factor**a.Low, factor**a.High
		out.Low, out.High = &low, &high
	}
	return &out
}

// evidence lists the conditions of the rule that compare something, and its own evidence.
func (r *Rule) evidence(b *bindings) []EvidenceItem {
	list := []EvidenceItem{}
	for _, when := range r.When {
		list = append(list, r.conditionItem(when, b))
	}
	for i := range r.Evidence {
		list = append(list, r.evidenceItem(&r.Evidence[i], b))
	}
	return list
}

// conditionItem is a condition that holds, as evidence: the side of it that was measured.
func (r *Rule) conditionItem(when *Expr, b *bindings) EvidenceItem {
	item := EvidenceItem{Measure: when.Text, Observed: true, Holds: true}
	for when.op == "&&" || when.op == "||" || when.op == "?:" {
		side := when.left
		switch {
		case when.op == "?:":
			side = when.chosen(b)
		case !side.eval(b).value.Bool:
			side = when.right
		}
		when = side
	}
	item.Text = when.words()
	if when.left != nil {
		got := when.left.estimate(b)
		item.value(got.value, when.left.Kind, when.left.print(b, r))
		item.Text = when.left.words() + " is " + item.Value
		if word := comparisonWords[when.op]; word != "" {
			item.Text += " (rule: " + word + " " + when.right.print(b, r) + ")"
		}
	}
	return item
}

// comparisonWords are comparisons as people say them; that something is equal needs no saying beside what it is.
var comparisonWords = map[string]string{">=": "at least", ">": "over", "<=": "at most", "<": "under", "!=": "not"}

// words writes a variable by the words that its name is made of, and anything else as it is.
func (e *Expr) words() string {
	if _, ok := VariableNamed(e.Text); ok {
		return strings.ReplaceAll(e.Text, "_", " ")
	}
	return e.Text
}

func (r *Rule) evidenceItem(e *Evidence, b *bindings) EvidenceItem {
	item := EvidenceItem{Measure: e.Value.Text}
	got, holds := e.Value.estimate(b), e.Holds.eval(b)
	item.Needs = slices.Concat(got.missing, holds.missing)
	slices.Sort(item.Needs)
	item.Needs = slices.Compact(item.Needs)
	item.Observed = got.value.Known && holds.value.Known
	item.Holds = item.Observed && holds.value.Bool
	if got.value.Known {
		item.value(got.value, e.Value.Kind, e.Value.print(b, r))
	}
	item.Text, _ = e.Say.fill(b)
	item.Text = cmp.Or(item.Text, e.Value.Text+" is "+cmp.Or(item.Value, unknownText))
	return item
}

func (item *EvidenceItem) value(m Measure, kind Kind, printed string) {
	item.Value, item.N = printed, m.N
	if kind == Bool || kind == Text || !m.Known {
		return
	}
	item.Number = &m.Number
	if m.Interval {
		item.Low, item.High = &m.Low, &m.High
	}
}
