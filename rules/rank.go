package rules

import (
	"cmp"
	"math"
	"slices"
)

// confidence is evidence fraction x sample factor x telemetry quality.
func confidence(items []EvidenceItem, cohort Cohort) Confidence {
	holding := 0
	for i := range items {
		if items[i].Observed && items[i].Holds {
			holding++
		}
	}
	c := Confidence{Evidence: 1, Sample: min(1, math.Sqrt(float64(cohort.N)/30)), Telemetry: 1}
	if len(items) > 0 {
		c.Evidence = float64(holding) / float64(len(items))
	}
	if cohort.Arrivals > 0 {
		c.Sample = min(1, float64(cohort.Arrivals)/30)
	}
	if cohort.N > 0 {
		c.Telemetry = 1 - float64(cohort.Doubtful)/float64(cohort.N)
	}
	if cohort.Inferred {
		c.Telemetry /= 2
	}
	c.Value = c.Evidence * c.Sample * c.Telemetry
	return c
}

// priority weighs what can be won back by whom it concerns, how sure that is, and what it takes.
func priority(f *Finding) Priority {
	p := Priority{
		Share: f.Who.Share, Confidence: f.Confidence.Value,
		Effort: f.Recommendation.Effort.Weight(), Risk: f.Recommendation.Risk.Weight(),
	}
	if f.Recoverable != nil {
		p.Recoverable = f.Recoverable.Value / 1e6
	}
	p.Plain = p.Recoverable * p.Share * p.Confidence
	p.Value = p.Plain / (p.Effort * p.Risk)
	return p
}

func tierOf(effort, risk Level) Tier {
	switch {
	case effort == High:
		return TierLong
	case effort == Medium || risk == High:
		return TierMedium
	}
	return TierQuick
}

// The shares of mean E2E or TTFT from which something matters, as those of scores.
const (
	moderateShare = 0.05
	criticalShare = 0.20
	certainShare  = 0.10 // what the lower end of the interval must reach for critical
)

// severity holds what can be won back, over all requests of the case, against their mean E2E and TTFT.
func severity(r *Rule, c *Case, f *Finding) Severity {
	if r.Class == ClassTelemetry {
		return SeverityTelemetry
	}
	worst, certain, sized := 0.0, 0.0, false
	for _, path := range []struct {
		amount *Amount
		mean   Measure
	}{{f.Recoverable, c.Measures["e2e_mean"]}, {f.TTFT, c.Measures["ttft_mean"]}} {
		if path.amount == nil || !path.mean.Known || path.mean.Number <= 0 {
			continue
		}
		sized = true
		scale := f.Who.Share / path.mean.Number
		worst = max(worst, path.amount.Value*scale)
		if path.amount.Low != nil {
			certain = max(certain, *path.amount.Low*scale)
		}
	}
	switch {
	case !sized:
		return SeverityUnsized
	case worst >= criticalShare && certain >= certainShare && c.Measures["targets_missed"].Bool:
		return SeverityCritical
	case worst >= moderateShare:
		return SeverityModerate
	}
	return SeverityMinor
}

// arrange merges what a rule says of several places, folds symptoms under causes, and ranks the rest.
func (s *Set) arrange(found []Finding, result *Result) {
	var named []Finding
	for _, f := range found {
		if f.Class == ClassTelemetry {
			result.Telemetry = append(result.Telemetry, f)
		} else {
			named = append(named, f)
		}
	}
	result.Telemetry = merge(result.Telemetry)
	named = s.fold(merge(named))
	slices.SortStableFunc(named, byPriority)
	rank := 0
	for i := range named {
		if named[i].ranked() {
			rank++
			named[i].Rank = rank
		}
	}
	result.plainRanks(named)
	result.Findings = append(result.Findings, named...)
	result.conclude()
}

// ranked reports whether f takes part in the ranking: its rule was seen to fire on a real stack, and its worth is known.
func (f *Finding) ranked() bool {
	return !f.Experimental && f.Severity != SeverityUnsized && f.Severity != SeverityTelemetry
}

func byPriority(a, b Finding) int {
	if c := cmp.Compare(sortGroup(&a), sortGroup(&b)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(b.Priority.Value, a.Priority.Value), cmp.Compare(a.Rule, b.Rule))
}

// sortGroup puts ranked findings before those that cannot be sized, and experimental ones last.
func sortGroup(f *Finding) int {
	switch {
	case f.Experimental:
		return 2
	case !f.ranked():
		return 1
	}
	return 0
}

// merge keeps one finding a rule, that of the highest priority, and lists the other places with it. Whom it concerns and
// what they win back is of all places together; its rank is that of the first.
func merge(list []Finding) []Finding {
	out := []Finding{}
	slices.SortStableFunc(list, byPriority)
	for _, f := range list {
		i := slices.IndexFunc(out, func(o Finding) bool { return o.Rule == f.Rule })
		if i < 0 {
			out = append(out, f)
			continue
		}
		out[i].Also = append(out[i].Also, f.Place)
		out[i].pool(&f)
	}
	return out
}

// pool adds those whom other, the same rule in another place, concerns.
func (f *Finding) pool(other *Finding) {
	f.Recoverable = meanAmount(f.Recoverable, other.Recoverable, f.Who.N, other.Who.N)
	f.TTFT = meanAmount(f.TTFT, other.TTFT, f.Who.N, other.Who.N)
	f.Who.N, f.Who.Of = f.Who.N+other.Who.N, f.Who.Of+other.Who.Of
	if f.Who.Of > 0 {
		f.Who.Share = float64(f.Who.N) / float64(f.Who.Of)
	}
}

// meanAmount is the mean over n and m requests, nil where one of them is not known. Its interval is as wide as if both
// were off by the same.
func meanAmount(a, b *Amount, n, m int) *Amount {
	if a == nil || b == nil || n+m == 0 {
		return nil
	}
	weight := float64(n) / float64(n+m)
	mean := func(x, y float64) float64 { return weight*x + (1-weight)*y }
	out := Amount{Value: mean(a.Value, b.Value)}
	if a.Low != nil && a.High != nil && b.Low != nil && b.High != nil {
		low, high := mean(*a.Low, *b.Low), mean(*a.High, *b.High)
		out.Low, out.High = &low, &high
	}
	return &out
}

// fold moves symptoms beneath the cause of the highest priority that holds in a common place, and causes of causes up.
func (s *Set) fold(list []Finding) []Finding {
	causes := map[string][]string{}
	for _, r := range s.Rules {
		causes[r.ID] = r.Causes
	}
	slices.SortStableFunc(list, byPriority)
	parent := make([]int, len(list))
	for i := range list {
		parent[i] = -1
		for j := range list {
			if i != j && slices.Contains(causes[list[j].Rule], list[i].Rule) && list[i].meets(&list[j]) && list[j].standsFor(&list[i]) {
				parent[i] = j
				break
			}
		}
	}
	var out []Finding
	at := map[int]int{}
	for i := range list {
		if parent[i] < 0 {
			at[i] = len(out)
			out = append(out, list[i])
		}
	}
	for i := range list {
		if parent[i] < 0 {
			continue
		}
		root := parent[i]
		for parent[root] >= 0 { // causes go in no circle
			root = parent[root]
		}
		top := &out[at[root]]
		top.Beneath = append(top.Beneath, list[i])
	}
	return out
}

// meets reports whether f and other hold in a common place.
func (f *Finding) meets(other *Finding) bool {
	for _, a := range append([]Place{f.Place}, f.Also...) {
		for _, b := range append([]Place{other.Place}, other.Also...) {
			if a.Domain == b.Domain && (a.Regime == b.Regime || a.Regime == 0 || b.Regime == 0) {
				return true
			}
		}
	}
	return false
}

// plainRanks ranks once more as if effort and risk were all the same.
func (result *Result) plainRanks(named []Finding) {
	var order []int
	for i := range named {
		if named[i].ranked() {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(named[b].Priority.Plain, named[a].Priority.Plain) })
	for rank, i := range order {
		named[i].Priority.PlainRank = rank + 1
	}
	result.FirstChanges = len(order) > 0 && named[order[0]].Rank != 1
}

// conclude says what the findings come to.
func (result *Result) conclude() {
	for i := range result.Findings {
		if f := &result.Findings[i]; f.Rank > 0 && (f.Severity == SeverityCritical || f.Severity == SeverityModerate) {
			result.Verdict, result.Nearest = VerdictBottleneck, nil
			return
		}
	}
	unsure := slices.ContainsFunc(result.Findings, func(f Finding) bool {
		return f.Experimental && (f.Severity == SeverityCritical || f.Severity == SeverityModerate)
	})
	if unsure || len(result.Withheld) > 0 {
		result.Verdict = VerdictUntold
	}
}
