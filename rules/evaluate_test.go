package rules

import (
	"math"
	"testing"
	"time"
)

// rulesOf loads rules written for a test.
func rulesOf(t *testing.T, texts ...string) *Set {
	t.Helper()
	var files []File
	for i, text := range texts {
		files = append(files, File{string(rune('a'+i)) + ".yaml", []byte(text)})
	}
	set, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// named is a rule about a phase that fires when its share is over a tenth.
func named(id, phase, more string) string {
	return "id: " + id + "\ntitle: " + id + "\nclass: queue\nphase: " + phase + "\ndoc: d\nwhen: [" + phase + "_share > 0.1]\n" +
		"recoverable: {e2e: " + phase + "_recoverable, floor: f}\ncause: c\nverified: [vllm]\n" + more
}

const lowFix = "fix: {summary: s, effort: low, risk: low}\n"

func caseOf(m Measures) []Case {
	if !m["requests"].Known {
		m["requests"] = number(100, 0)
	}
	m["e2e_mean"] = span(time.Second, 100)
	return []Case{{Place: Place{"d", 1, 0, 1}, Measures: m}}
}

func TestWhatIsNotKnownIsNeitherTrueNorFalse(t *testing.T) {
	for name, c := range map[string]struct {
		when           string
		fires, skipped bool
	}{
		"alone":                   {"mfu < 0.15", false, true},
		"or true":                 {"queue_share > 0.1 || mfu < 0.15", true, false},
		"or false":                {"queue_share > 0.9 || mfu < 0.15", false, true},
		"and false":               {"queue_share > 0.9 && mfu < 0.15", false, false},
		"not known, asked":        {"!known(mfu) && queue_share > 0.1", true, false},
		"chosen by what is known": {"(known(mfu) ? mfu : queue_share) > 0.1", true, false},
	} {
		set := rulesOf(t, ruleWith("queue_share >= min_share", `"`+c.when+`"`))
		got := set.Evaluate(caseOf(Measures{"queue_share": number(0.3, 100)}))
		if fires, skipped := len(got.Findings) > 0, len(got.Skipped) > 0; fires != c.fires || skipped != c.skipped {
			t.Errorf("%s: fires %v, skipped %v", name, fires, skipped)
		}
		if c.skipped && (got.Skipped[0].Needs[0].Variable != "mfu" || got.Skipped[0].Needs[0].Remedy == "") {
			t.Errorf("%s: needs %+v", name, got.Skipped[0].Needs)
		}
	}
}

func TestPriorityIsTheProductOfItsFactors(t *testing.T) {
	set := rulesOf(t,
		named("cheap", "queue", lowFix),
		named("dear", "decode", "fix: {summary: s, effort: high, risk: medium}\n"))
	got := set.Evaluate(caseOf(Measures{
		"queue_share": number(0.3, 100), "queue_recoverable": span(100*time.Millisecond, 100),
		"decode_share": number(0.3, 100), "decode_recoverable": span(400*time.Millisecond, 100),
	}))
	if len(got.Findings) != 2 || got.Findings[0].Rule != "cheap" || got.Findings[1].Rank != 2 {
		t.Fatalf("%+v", got.Findings)
	}
	for _, f := range got.Findings {
		p := f.Priority
		if want := p.Recoverable * p.Share * p.Confidence / (p.Effort * p.Risk); math.Abs(p.Value-want) > 1e-9 {
			t.Errorf("%s: %g, want %g", f.Rule, p.Value, want)
		}
	}
	if dear := got.Findings[1].Priority; dear.Effort != 4 || dear.Risk != 2 || dear.PlainRank != 1 || !got.FirstChanges {
		t.Errorf("with effort and risk equal the other comes first: %+v, changes %v", dear, got.FirstChanges)
	}
	if got.Verdict != VerdictBottleneck || got.Findings[0].Severity != SeverityModerate {
		t.Errorf("verdict %s, severity %s", got.Verdict, got.Findings[0].Severity)
	}
}

func TestConfidenceFactors(t *testing.T) {
	items := []EvidenceItem{{Observed: true, Holds: true}, {Observed: true}, {}, {Observed: true, Holds: true}}
	for name, c := range map[string]struct {
		cohort Cohort
		want   Confidence
	}{
		"enough":   {Cohort{N: 120}, Confidence{0.5, 0.5, 1, 1}},
		"few":      {Cohort{N: 7}, Confidence{0.5 * math.Sqrt(7.0/30), 0.5, math.Sqrt(7.0 / 30), 1}},
		"incident": {Cohort{N: 11, Arrivals: 15}, Confidence{0.25, 0.5, 0.5, 1}},
		"doubtful": {Cohort{N: 100, Doubtful: 25}, Confidence{0.375, 0.5, 1, 0.75}},
		"inferred": {Cohort{N: 100, Inferred: true}, Confidence{0.25, 0.5, 1, 0.5}},
		"nobody":   {Cohort{}, Confidence{0, 0.5, 0, 1}},
	} {
		if got := confidence(items, c.cohort); math.Abs(got.Value-c.want.Value) > 1e-9 || got != c.want && got.Value != c.want.Value {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestSymptomsAreListedBeneathTheirCause(t *testing.T) {
	set := rulesOf(t,
		named("waiting", "queue", lowFix),
		named("slow-prefill", "prefill", "causes: [waiting]\n"+lowFix),
		named("small-chunk", "tokenize", "causes: [slow-prefill]\n"+lowFix))
	m := Measures{}
	for phase, ms := range map[string]int{"queue": 900, "prefill": 300, "tokenize": 200} {
		m[phase+"_share"], m[phase+"_recoverable"] = number(0.3, 100), span(time.Duration(ms)*time.Millisecond, 100)
	}
	got := set.Evaluate(caseOf(m))
	if len(got.Findings) != 1 || got.Findings[0].Rule != "small-chunk" || len(got.Findings[0].Beneath) != 2 {
		t.Fatalf("%+v", got.Findings)
	}
}

func TestExclusionAndDiscredit(t *testing.T) {
	telemetry := "id: broken\ntitle: t\nclass: telemetry\ndoc: d\nwhen: [partial_share > 0.1]\ncause: c\ndiscredits: [queue]\n" + lowFix
	set := rulesOf(t, telemetry, named("a", "queue", lowFix), named("b", "decode", "excludes: [c]\n"+lowFix), named("c", "prefill", lowFix))
	m := Measures{"partial_share": number(0.5, 100), "queue_share": number(0.3, 0), "decode_share": number(0.3, 0), "prefill_share": number(0.3, 0)}
	got := set.Evaluate(caseOf(m))
	if len(got.Telemetry) != 1 || len(got.Findings) != 1 || got.Findings[0].Rule != "b" {
		t.Errorf("telemetry %v, findings %v", got.Telemetry, got.Findings)
	}
	by := map[string]string{}
	for _, w := range got.Withheld {
		by[w.Rule] = w.By
	}
	if by["a"] != "broken" || by["c"] != "b" {
		t.Errorf("withheld %v", by)
	}
}

// What is seen over all of a domain's time explains what its regimes show, as a rule of the same regime would.
func TestExclusionReachesFromAllTimeIntoRegimes(t *testing.T) {
	set := rulesOf(t, "scope: all\n"+named("whole", "queue", "excludes: [part]\n"+lowFix), named("part", "decode", lowFix))
	m := func() Measures {
		return Measures{"queue_share": number(0.5, 0), "decode_share": number(0.5, 0), "queue_recoverable": span(time.Second, 0), "decode_recoverable": span(time.Second, 0)}
	}
	cases := caseOf(m())
	all := caseOf(m())
	all[0].Regime = 0
	got := set.Evaluate(append(cases, all...))
	if len(got.Findings) != 1 || got.Findings[0].Rule != "whole" || len(got.Withheld) != 1 || got.Withheld[0].By != "whole" {
		t.Errorf("named %+v, withheld %+v", got.Findings, got.Withheld)
	}
	elsewhere := caseOf(m())
	elsewhere[0].Domain = "other"
	if got := set.Evaluate(append(elsewhere, all...)); len(got.Findings) != 2 {
		t.Errorf("of another domain, %d findings, want both", len(got.Findings))
	}
}

func TestExperimentalRulesAreNotRanked(t *testing.T) {
	set := rulesOf(t, ruleWith("Something", "Something"))
	got := set.Evaluate(caseOf(Measures{"queue_share": number(0.5, 100), "queue_recoverable": span(time.Second/2, 100)}))
	if len(got.Findings) != 1 || got.Findings[0].Rank != 0 || !got.Findings[0].Experimental || got.Verdict == VerdictBottleneck {
		t.Errorf("%s: %+v", got.Verdict, got.Findings)
	}
}

func TestHealthyNamesTheNearestRule(t *testing.T) {
	set := rulesOf(t, named("far", "queue", lowFix), named("near", "decode", lowFix))
	got := set.Evaluate(caseOf(Measures{"queue_share": number(0.01, 100), "decode_share": number(0.08, 100)}))
	if got.Verdict != VerdictHealthy || got.Nearest == nil || got.Nearest.Rule != "near" || math.Abs(got.Nearest.Margin-0.2) > 1e-9 {
		t.Errorf("%s: %+v", got.Verdict, got.Nearest)
	}
}

func TestUnnamedTimeIsNotHealthy(t *testing.T) {
	set := rulesOf(t, named("a", "queue", lowFix))
	m := Measures{"queue_share": number(0.01, 100), "decode_score": number(40, 100), "targets_missed": truth(true)}
	if got := set.Evaluate(caseOf(m)); got.Verdict != VerdictUntold || got.Unnamed[0].Phase.String() != "decode" {
		t.Errorf("%s: %+v", got.Verdict, got.Unnamed)
	}
	m["targets_missed"] = truth(false)
	if got := set.Evaluate(caseOf(m)); got.Verdict != VerdictHealthy {
		t.Errorf("within all targets: %s", got.Verdict)
	}
	m["separable_share"] = number(0.2, 100)
	if got := set.Evaluate(caseOf(m)); got.Verdict != VerdictUntold {
		t.Errorf("with phases that cannot be told apart: %s", got.Verdict)
	}
}

func TestDamagedTelemetryIsNotHealthy(t *testing.T) {
	damage := "id: damage\ntitle: t\nclass: telemetry\ndoc: d\nwhen: [attributes_lost_share >= 0.1]\ncause: c\naffected: doubtful\n"
	for name, c := range map[string]struct {
		more string
		want string
	}{
		"no phase is discredited":  {"", VerdictHealthy},
		"decode cannot be trusted": {"discredits: [decode]\n", VerdictUntold},
	} {
		set := rulesOf(t, named("a", "queue", lowFix), damage+c.more+lowFix)
		m := Measures{"queue_share": number(0.01, 100), "attributes_lost_share": number(0.5, 100)}
		if got := set.Evaluate(caseOf(m)); got.Verdict != c.want || len(got.Telemetry) != 1 {
			t.Errorf("%s: %s, %+v", name, got.Verdict, got.Telemetry)
		}
	}
}

func TestConditionsAreEvidenceInWords(t *testing.T) {
	for when, want := range map[string]string{
		"queue_share >= min_share":                                 "queue share is 30 % (rule: at least 20 %)",
		"mfu < 0.15 || queue_share > 0.1":                          "queue share is 30 % (rule: over 0.1)",
		"known(mfu) ? mfu < 0.1 : queue_share > min_share":         "queue share is 30 % (rule: over 20 %)",
		"known(queue_share) ? targets_missed : mfu > 0.1":          "targets missed",
		"ratio(e2e_mean, e2e_mean) <= 1.0":                         "ratio(e2e_mean, e2e_mean) is 1 (rule: at most 1)",
		"stack == \"vllm\" && queue_share > 0.1 && stack != \"x\"": "stack is vllm",
	} {
		set := rulesOf(t, ruleWith("queue_share >= min_share", "'"+when+"'"))
		got := set.Evaluate(caseOf(Measures{"queue_share": number(0.3, 100), "targets_missed": truth(true), "stack": text("vllm")}))
		if len(got.Findings) != 1 || got.Findings[0].Evidence[0].Text != want {
			t.Errorf("%s: %+v, want %q", when, got.Findings, want)
		}
	}
}

func TestIntervalsReachTheFinding(t *testing.T) {
	set := rulesOf(t, named("a", "queue", lowFix))
	m := Measures{"queue_share": number(0.3, 100), "queue_recoverable": span(100*time.Millisecond, 100).within(5e7, 2e8)}
	got := set.Evaluate(caseOf(m)).Findings[0].Recoverable
	if got == nil || got.Value != 1e8 || *got.Low != 5e7 || *got.High != 2e8 {
		t.Errorf("%+v", got)
	}
}

// All rules over an analyzed population are to take under 50 ms; here over ten regimes.
func BenchmarkEvaluate(b *testing.B) {
	set, err := Load(Builtin())
	if err != nil {
		b.Fatal(err)
	}
	var cases []Case
	for regime := range 10 {
		m := Measures{}
		for i := range Variables {
			m[Variables[i].Name] = Measure{Known: true, Number: 0.5, Bool: true, Text: "load"}
		}
		cases = append(cases, Case{Place: Place{Regime: regime}, Measures: m})
	}
	for b.Loop() {
		set.Evaluate(cases)
	}
	b.ReportMetric(float64(len(set.Rules)), "rules")
}
