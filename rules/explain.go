package rules

// An Explanation says of one rule in one case why it fires or does not.
type Explanation struct {
	Place
	Rule       string          `json:"rule"`
	Fires      bool            `json:"fires"`
	Decided    bool            `json:"decided"` // every condition could be told, or one fails that could
	Conditions []ConditionView `json:"conditions"`
	Variables  []VariableView  `json:"variables"` // that the rule reads, each once
	Params     []Param         `json:"params"`
	Evidence   []EvidenceItem  `json:"evidence"`
	Missing    []Need          `json:"missing"`
}

// A ConditionView is a condition and what became of it.
type ConditionView struct {
	Text  string `json:"text"`
	Value string `json:"value"` // "holds", "fails", "not known", or an error
	Sides string `json:"sides,omitempty"`
}

// A VariableView is a variable with its value.
type VariableView struct {
	Variable
	Value string `json:"value"`
	Low   string `json:"low,omitempty"`
	High  string `json:"high,omitempty"`
	N     int    `json:"n,omitempty"`
	Known bool   `json:"known"`
}

// Explain says of a rule in each case of its scope why it fires or does not; nil if there is no such rule.
func (s *Set) Explain(id string, cases []Case) []Explanation {
	r := s.Rule(id)
	if r == nil {
		return nil
	}
	list := []Explanation{}
	for k := range cases {
		if c := &cases[k]; (r.Scope == ScopeAll) == (c.Regime == 0) {
			list = append(list, r.explain(c))
		}
	}
	return list
}

func (r *Rule) explain(c *Case) Explanation {
	b := &bindings{measures: c.Measures, params: r.paramMap()}
	o := r.decide(c)
	x := Explanation{
		Place: c.Place, Rule: r.ID, Fires: o.fired, Decided: o.missing == nil,
		Conditions: []ConditionView{}, Variables: []VariableView{}, Params: r.Params, Evidence: []EvidenceItem{},
		Missing: addNeeds([]Need{}, o.missing, c.Measures),
	}
	for _, when := range r.When {
		x.Conditions = append(x.Conditions, r.conditionView(when, b))
	}
	for i := range r.Evidence {
		x.Evidence = append(x.Evidence, r.evidenceItem(&r.Evidence[i], b))
	}
	for _, name := range r.Reads() {
		v, _ := VariableNamed(name)
		m := c.Measures[name]
		view := VariableView{Variable: *v, Known: m.Known, N: m.N, Value: unknownText}
		if m.Known {
			view.Value = formatMeasure(m, v.Kind, v.Unit)
		} else if m.Why != "" {
			view.Value = unknownText + ": " + m.Why
		}
		if m.Interval {
			view.Low, view.High = formatMeasure(Measure{Number: m.Low}, v.Kind, v.Unit), formatMeasure(Measure{Number: m.High}, v.Kind, v.Unit)
		}
		x.Variables = append(x.Variables, view)
	}
	return x
}

func (r *Rule) conditionView(when *Expr, b *bindings) ConditionView {
	view := ConditionView{Text: when.Text}
	switch got := when.eval(b); {
	case got.err != nil:
		view.Value = got.err.Error()
	case got.missing != nil:
		view.Value = "not known"
	case got.value.Bool:
		view.Value = "holds"
	default:
		view.Value = "fails"
	}
	if _, is := comparisonWords[when.op]; is || when.op == "==" {
		view.Sides = when.left.print(b, r) + " " + when.op + " " + when.right.print(b, r)
	}
	return view
}

// A Coverage says of one rule whether it can fire on the telemetry at hand.
type Coverage struct {
	Rule  string `json:"rule"`
	Title string `json:"title"`
	Class Class  `json:"class"`
	// Can says that every condition could be decided somewhere.
	Can   bool   `json:"can_fire"`
	Needs []Need `json:"needs"` // what is not known, where it cannot
}

// Coverage says of every rule whether it can be decided in the cases.
func (s *Set) Coverage(cases []Case) []Coverage {
	list := make([]Coverage, 0, len(s.Rules))
	for _, r := range s.Rules {
		c := Coverage{Rule: r.ID, Title: r.Title, Class: r.Class, Needs: []Need{}}
		for k := range cases {
			if (r.Scope == ScopeAll) != (cases[k].Regime == 0) {
				continue
			}
			b := &bindings{measures: cases[k].Measures, params: r.paramMap()}
			var missing []string
			for _, when := range r.When {
				missing = append(missing, when.eval(b).missing...)
			}
			if c.Can = c.Can || missing == nil; c.Can {
				break
			}
			c.Needs = addNeeds(c.Needs, missing, cases[k].Measures)
		}
		if c.Can {
			c.Needs = []Need{}
		}
		list = append(list, c)
	}
	return list
}
