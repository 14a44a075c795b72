package dialect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"pgregory.net/rapid"
)

func pattern(text string) dialect.Pattern {
	p, _ := dialect.ParsePattern(text)
	return p
}

func phases(list ...analyzer.Phase) []analyzer.Phase { return list }

// llamaRule is what the cases below change: a call with two durations that end with it.
func llamaRule() dialect.MappingRule {
	return dialect.MappingRule{
		Name: pattern("generate"), Role: analyzer.RoleInference,
		Durations: []dialect.MappedDuration{
			{Attribute: "prompt_ms", Unit: "ms", Phases: phases(analyzer.Prefill), Interval: dialect.UntilEnd},
			{Attribute: "predicted_ms", Unit: "ms", Phases: phases(analyzer.Decode), Interval: dialect.UntilEnd},
		},
	}
}

func TestMapping(t *testing.T) {
	for _, c := range []struct {
		shows string
		rules func(r *dialect.MappingRule) // changes llamaRule
		spans string
		want  string
	}{
		{"durations until the end; the rest is what nobody states", func(*dialect.MappingRule) {}, `
generate 0s 1s client
  prompt_ms = 200
  predicted_ms = "500.5"
`, `
request generate server=generate dialect=mapping 0s 1s ok
  to end
    0s 299.5ms unattributed [queue network stream] inferred
    299.5ms 499.5ms prefill attribute
    499.5ms 1s decode attribute
`},
		{"the user says what the rest is", func(r *dialect.MappingRule) {
			r.Phases = phases(analyzer.Queue, analyzer.Tokenize)
			r.Model, r.InputTokens, r.OutputTokens, r.Streaming = "m", "in", "out", "s"
			r.FirstToken = dialect.MappedFirstToken{Attribute: "predicted_ms", Unit: "ms", From: dialect.BeforeEnd}
		}, `
generate 0s 1s client
  prompt_ms = 200
  predicted_ms = 500
  m = "tiny"
  in = 7
  out = 11
  s = "true"
`, `
request generate server=generate dialect=mapping 0s 1s model=tiny input=7 output=11 ok
  ttft 500ms, tpot 50ms
  to first token
    0s 300ms unattributed [queue tokenize] inferred
    300ms 500ms prefill attribute
  to end
    0s 300ms unattributed [queue tokenize] inferred
    300ms 500ms prefill attribute
    500ms 1s decode attribute
  warning first_token_inferred 1
`},
		{"durations on both sides of the first token, and from the start", func(r *dialect.MappingRule) {
			r.FirstToken = dialect.MappedFirstToken{Attribute: "ttft", Unit: "s", From: dialect.SinceStart}
			r.Durations = []dialect.MappedDuration{
				{Attribute: "tok", Unit: "us", Phases: phases(analyzer.Tokenize), Interval: dialect.FromStart},
				{Attribute: "load", Unit: "rust", Phases: phases(analyzer.ModelLoad), Interval: dialect.FromStart},
				{Attribute: "wait", Unit: "dotnet", Phases: phases(analyzer.Queue), Detail: "capacity", Interval: dialect.BeforeFirstToken},
				{Attribute: "fill", Unit: "ns", Phases: phases(analyzer.Prefill), Interval: dialect.BeforeFirstToken},
				{Attribute: "gen", Unit: "go", Phases: phases(analyzer.Decode), Interval: dialect.AfterFirstToken},
			}
		}, `
generate 0s 2s client
  ttft = 1
  tok = 1500
  load = "98.5ms"
  wait = "00:00:00.2500000"
  fill = 500000000
  gen = "0.75s"
`, `
request generate server=generate dialect=mapping 0s 2s ok
  ttft 1s
  to first token
    0s 1.5ms tokenize attribute
    1.5ms 100ms model_load attribute
    100ms 250ms unattributed inferred
    250ms 500ms queue/capacity attribute
    500ms 1s prefill attribute
  to end
    0s 1.5ms tokenize attribute
    1.5ms 100ms model_load attribute
    100ms 250ms unattributed inferred
    250ms 500ms queue/capacity attribute
    500ms 1s prefill attribute
    1s 1.75s decode attribute
    1.75s 2s unattributed [network stream] inferred
`},
		{"what is refused ends its sequence and is counted; what is missing took no time", func(r *dialect.MappingRule) {
			r.Durations = []dialect.MappedDuration{
				{Attribute: "a", Unit: "ms", Phases: phases(analyzer.Tokenize), Interval: dialect.FromStart},
				{Attribute: "missing", Unit: "ms", Phases: phases(analyzer.ModelLoad), Interval: dialect.FromStart},
				{Attribute: "b", Unit: "ms", Phases: phases(analyzer.Queue), Interval: dialect.FromStart},
				{Attribute: "c", Unit: "ms", Phases: phases(analyzer.Prefill), Interval: dialect.FromStart},
				{Attribute: "d", Unit: "ms", Phases: phases(analyzer.Decode), Interval: dialect.FromStart},
			}
			r.Phases = phases(analyzer.Other)
		}, `
generate 0s 1s server
  a = 100
  b = 200
  c = -1
  d = 300
`, `
request generate server=generate dialect=mapping 0s 1s ok
  to end
    0s 100ms tokenize attribute
    100ms 300ms queue attribute
    300ms 1s other inferred
  warning duration_refused 1
`},
		{"durations that do not fit before the first token", func(r *dialect.MappingRule) {
			r.FirstToken = dialect.MappedFirstToken{Event: pattern("first*")}
			r.Durations = []dialect.MappedDuration{
				{Attribute: "load", Unit: "ms", Phases: phases(analyzer.ModelLoad), Interval: dialect.FromStart},
				{Attribute: "fill", Unit: "ms", Phases: phases(analyzer.Prefill), Interval: dialect.BeforeFirstToken},
			}
		}, `
generate 0s 1s client
  load = 200
  fill = 400
  event first_chunk 500ms
  event first_byte 550ms
`, `
request generate server=generate dialect=mapping 0s 1s ok
  ttft 500ms
  to first token
    0s 200ms model_load attribute
    200ms 500ms prefill attribute
  to end
    0s 200ms model_load attribute
    200ms 500ms prefill attribute
    500ms 1s decode [decode network stream] inferred
  warning durations_disagree 1
`},
		{"a first token as a time of day; its fake is not believed", func(r *dialect.MappingRule) {
			r.Durations = nil
			r.OutputTokens = "out"
			r.FirstToken = dialect.MappedFirstToken{Attribute: "first_at", Unit: dialect.UnitTime, From: dialect.SinceEpoch}
		}, `
generate 0s 1s client
  first_at = "2023-11-14T22:13:20.25Z"
generate 2s 3s client
  first_at = "2023-11-14T22:13:22.99Z"
  out = 9
generate 4s 5s client
  first_at = "yesterday"
`, `
request generate server=generate dialect=mapping 0s 1s ok
  ttft 250ms
  to first token
    0s 250ms unattributed [queue prefill network] attribute
  to end
    0s 250ms unattributed [queue prefill network] attribute
    250ms 1s decode [decode network stream] inferred
request generate server=generate dialect=mapping 2s 3s output=9 ok
  to end
    2s 3s unattributed [queue prefill decode network stream] inferred
  warning ttft_unmeasured 1
request generate server=generate dialect=mapping 4s 5s ok
  to end
    4s 5s unattributed [queue prefill decode network stream] inferred
  warning duration_refused 1
`},
		{"a rule without a role leaves the call to its dialect", func(r *dialect.MappingRule) {
			r.Role = analyzer.RoleNone
			r.Phases = phases(analyzer.Network)
		}, `
generate 0s 1s client
  gen_ai.operation.name = "chat"
  gen_ai.request.model = "big"
  gen_ai.response.time_to_first_chunk = 0.5
  prompt_ms = 100
  predicted_ms = 400
`, `
request generate server=generate dialect=otel-genai 0s 1s model=big operation=chat ok
  ttft 500ms
  to first token
    0s 500ms network inferred
  to end
    0s 500ms network inferred
    500ms 600ms prefill attribute
    600ms 1s decode attribute
`},
		{"slowtoken.phase goes first", func(*dialect.MappingRule) {}, `
generate 0s 1s client
  slowtoken.phase = "decode"
  prompt_ms = 200
`, `
request generate server=generate dialect=mapping 0s 1s ok
  to end
    0s 1s decode span
`},
	} {
		t.Run(c.shows, func(t *testing.T) {
			rule := llamaRule()
			c.rules(&rule)
			checkMapping(t, dialect.Mapping{Rules: []dialect.MappingRule{rule}}, c.spans, c.want)
		})
	}
}

func checkMapping(t *testing.T, m dialect.Mapping, spans, want string) {
	t.Helper()
	parsed, err := parseSpans(spans)
	if err != nil {
		t.Fatal(err)
	}
	dialects := dialect.With(dialect.FromMapping(m))
	got := renderWith(parsed, dialects)
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	requests, _ := analyzer.Requests(analyzer.NewTrace(slices.Clone(parsed)), dialects)
	for i := range requests {
		checkTiled(t, &requests[i])
	}
}

func TestMappingRoles(t *testing.T) {
	m := dialect.Mapping{Rules: []dialect.MappingRule{
		{Service: pattern("gw*"), Name: pattern("*/ask"), Role: analyzer.RoleEnvelope, Phases: phases(analyzer.Gateway)},
		{Scope: pattern("*llm*"), Attributes: []dialect.AttributePattern{{Key: "n", Value: pattern("42")}}, Role: analyzer.RoleInference},
		{Name: pattern("lookup"), Role: analyzer.RoleTool},
		{Name: pattern("plan"), Role: analyzer.RoleAgent},
	}}
	checkMapping(t, m, `
plan 0s 10s
gate 0s 4s in plan server op=POST~/ask
  resource service.name = "gw-1"
  http.response.status_code = 503
call 1s 3s in gate client scope=my.llm.sdk
  n = 42
other 3s 3500ms in gate client scope=my.llm.sdk
  n = 43
tool 5s 6s in plan op=lookup
`, `
request gate server=call dialect=mapping 0s 4s error=503 error
  to end
    0s 1s gateway span
    1s 3s unattributed [queue prefill decode network stream] inferred
    3s 4s gateway span
turn plan 0s 10s gate
  ledger
    0s 4s other/inference span
    4s 5s unattributed/orchestration inferred
    5s 6s tool span
    6s 10s unattributed/orchestration inferred
`)
}

func TestMappingKeys(t *testing.T) {
	rule := llamaRule()
	rule.Attributes = []dialect.AttributePattern{{Key: "kind"}}
	rule.Model = "m"
	keys := dialect.Mapping{Rules: []dialect.MappingRule{rule}}.Keys()
	for _, key := range []string{"kind", "m", "prompt_ms", "predicted_ms", "gen_ai.request.model"} {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is read and not among the keys %q", key, keys)
		}
	}
	if slices.Contains(keys, "") {
		t.Error("an empty key is among the keys")
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false},
		{"*a*", "bab", true}, {"*a*", "b", false}, {"*", "", true}, {"*", "x", true}, {"**", "x", true},
	} {
		if got := pattern(c.pattern).Matches(c.text); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
	if _, ok := dialect.ParsePattern("a*b"); ok {
		t.Error("a star in the middle is taken")
	}
}

// Whatever a mapping says, ledgers tile their requests.
func TestMappedLedgerSumsToRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom([]string{"ttft_ms", "ollama.eval_duration_ns", "prompt_eval_duration", "component", "missing"})
		phase := rapid.SliceOfNDistinct(rapid.SampledFrom(analyzer.Phases[:analyzer.NumPhases-1]), 1, 3, rapid.ID)
		rule := rapid.Custom(func(t *rapid.T) dialect.MappingRule {
			r := dialect.MappingRule{
				Name:       pattern(rapid.SampledFrom([]string{"*", "llm_request", "*", "w*"}).Draw(t, "name")),
				Role:       analyzer.Role(rapid.IntRange(0, 4).Draw(t, "role")),
				FirstToken: dialect.MappedFirstToken{Attribute: key.Draw(t, "first"), Unit: "ms", From: rapid.SampledFrom(dialect.References).Draw(t, "from")},
			}
			if rapid.Bool().Draw(t, "has phase") {
				r.Phases = phase.Draw(t, "phase")
			}
			for range rapid.IntRange(0, 4).Draw(t, "durations") {
				r.Durations = append(r.Durations, dialect.MappedDuration{
					Attribute: key.Draw(t, "attribute"), Unit: rapid.SampledFrom(dialect.Units).Draw(t, "unit"),
					Phases: phase.Draw(t, "of"), Interval: rapid.SampledFrom(dialect.Intervals).Draw(t, "interval"),
				})
			}
			return r
		})
		m := dialect.Mapping{Rules: rapid.SliceOfN(rule, 1, 3).Draw(t, "rules")}
		requests, _ := analyzer.Requests(analyzer.NewTrace(randomTrace(t)), dialect.With(dialect.FromMapping(m)))
		for i := range requests {
			checkTiled(t, &requests[i])
		}
	})
}
