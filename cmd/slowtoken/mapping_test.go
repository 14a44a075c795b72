package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// The mapping that docs/mapping.md shows is the file that its session runs with.
func TestMappingDocument(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "mapping.md"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join("..", "..", "docs", "mapping", "example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(document)
	if block == nil {
		t.Fatal("docs/mapping.md shows no mapping")
	}
	if diff := cmp.Diff(string(file), string(block[1])); diff != "" {
		t.Errorf("docs/mapping.md shows another mapping than docs/mapping/example.yaml (-file +shown):\n%s", diff)
	}
	for _, word := range documentedWords() {
		if !strings.Contains(string(document), "`"+word+"`") {
			t.Errorf("docs/mapping.md does not say what %s is", word)
		}
	}
}

// documentedWords are the values that a mapping file may hold.
func documentedWords() (words []string) {
	words = append(words, mappingRoles...)
	for _, unit := range dialect.Units {
		words = append(words, string(unit))
	}
	for _, interval := range dialect.Intervals {
		words = append(words, string(interval))
	}
	for _, reference := range dialect.References {
		words = append(words, string(reference))
	}
	return append(words, "match", "service", "scope", "name", "attributes", "role", "phase", "detail", "durations", "first_token",
		"event", "operation", "model", "request_id", "streaming", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
}

func TestParseMapping(t *testing.T) {
	const text = `
x-unused: &prefill {attribute: p, unit: ms, phase: prefill, interval: until end}
`
	if _, err := parseMapping("m.yaml", []byte(text)); err == nil {
		t.Error("an unknown key is taken")
	}
	m, err := parseMapping("m.yaml", []byte(`
spans:
  - match: {service: "gw*", scope: "*sdk", name: ask, attributes: {backend: "*llama*", n: 42}}
    role: inference
    phase: [queue, tokenize]
    model: m
    streaming: s
    input_tokens: in
    first_token: {attribute: first, unit: rfc3339, from: epoch}
    durations:
      - &prefill {attribute: p, unit: ms, phase: prefill, interval: before first token}
      - {attribute: d, unit: go, phase: decode, detail: stall, interval: after first token}
  - match: {name: "*"}
    durations: [*prefill]
    role: inference
    first_token: {event: "*chunk"}
`))
	if err != nil {
		t.Fatal(err)
	}
	pattern := func(text string) dialect.Pattern { p, _ := dialect.ParsePattern(text); return p }
	prefill := dialect.MappedDuration{Attribute: "p", Unit: "ms", Phases: []analyzer.Phase{analyzer.Prefill}, Interval: dialect.BeforeFirstToken}
	want := dialect.Mapping{Rules: []dialect.MappingRule{
		{
			Service: pattern("gw*"), Scope: pattern("*sdk"), Name: pattern("ask"),
			Attributes: []dialect.AttributePattern{{Key: "backend", Value: pattern("*llama*")}, {Key: "n", Value: pattern("42")}},
			Role:       analyzer.RoleInference, Phases: []analyzer.Phase{analyzer.Queue, analyzer.Tokenize},
			Durations: []dialect.MappedDuration{prefill, {
				Attribute: "d", Unit: "go", Phases: []analyzer.Phase{analyzer.Decode}, Detail: "stall", Interval: dialect.AfterFirstToken,
			}},
			FirstToken: dialect.MappedFirstToken{Attribute: "first", Unit: dialect.UnitTime, From: dialect.SinceEpoch},
			Model:      "m", Streaming: "s", InputTokens: "in",
		},
		{
			Name: pattern("*"), Role: analyzer.RoleInference, Durations: []dialect.MappedDuration{prefill},
			FirstToken: dialect.MappedFirstToken{Event: pattern("*chunk"), From: dialect.SinceStart},
		},
	}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMappingProblems(t *testing.T) {
	const match = "spans:\n- match: {name: a}\n"
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{`m.yaml:1:1: the file is empty: it needs a list spans:`}},
		{"{}", []string{`m.yaml:1:1: the file has no list spans:`}},
		{"spanz: []", []string{`m.yaml:1:1: the file has no key "spanz": did you mean spans?`}},
		{"spans: []", []string{`m.yaml:1:8: spans is not a list with something in it`}},
		{"spans:\n\t- x", []string{`m.yaml:2:1: found character that cannot start any token`}},
		{"spans: [x]\n---\nspans: [x]", []string{`m.yaml:2:1: a second document: everything goes into one`}},
		{"spans:\n- role: inference", []string{`m.yaml:2:3: a rule needs match:, which says what spans it is for`}},
		{"spans:\n- match: {}\n  role: tool", []string{`m.yaml:2:10: match is empty: it needs service, scope, name or attributes`}},
		{match + "  roll: tool", []string{`m.yaml:3:3: a rule has no key "roll": did you mean role?`}},
		{match, []string{`m.yaml:2:3: the rule says nothing: it needs role, phase or durations`}},
		{match + "  role: inferense", []string{`m.yaml:3:9: role "inferense" is unknown: did you mean inference?`}},
		{match + "  role: none", []string{`m.yaml:3:9: role "none" is unknown: use inference, envelope, tool, agent`}},
		{match + "  phase: prefil", []string{`m.yaml:3:10: phase "prefil" is unknown: did you mean prefill?`}},
		{match + "  phase: unattributed", []string{`m.yaml:3:10: phase "unattributed" is unknown: use queue, tokenize, gpu_transfer, prefill, decode, ` +
			`frontend, network, gateway, model_load, detokenize, stream, client, retry, tool, other`}},
		{match + "  phase: [queue, queue]", []string{`m.yaml:3:18: phase queue is listed twice`}},
		{match + "  role: tool\n  detail: x", []string{`m.yaml:4:11: detail goes with phase`}},
		{match + "  role: tool\n  role: tool", []string{`m.yaml:4:3: a rule has the key role twice`}},
		{match + "  role: tool\n  model: m", []string{`m.yaml:4:10: first_token and the keys of facts say something of a call: they need role: inference`}},
		{match + "  role: inference\n  model: ", []string{`m.yaml:4:9: the key of an attribute wants a text`}},
		{match + "  role: inference\n  first_token: {event: a*b}", []string{`m.yaml:4:24: pattern "a*b": a "*" can only be its first letter, its last, or both`}},
		{match + "  role: inference\n  first_token: {event: a, unit: s}", []string{`m.yaml:4:16: an event has its own time: unit and from go with attribute`}},
		{match + "  role: inference\n  first_token: {attribute: a, event: b}", []string{`m.yaml:4:16: first_token needs one of attribute and event`}},
		{match + "  role: inference\n  first_token: {attribute: a}", []string{`m.yaml:4:16: first_token has an attribute: it needs its unit`}},
		{match + "  role: inference\n  first_token: {attribute: a, unit: rfc3339}", []string{`m.yaml:4:37: unit rfc3339 is of a time: it needs from: epoch`}},
		{match + "  role: inference\n  first_token: {attribute: a, unit: go, from: epoch}", []string{
			`m.yaml:4:37: unit go is of a duration: a time since the epoch is s, ms, us, ns or rfc3339`}},
		{match + "  durations: [{attribute: a, unit: ms, phase: queue}]", []string{`m.yaml:3:15: a duration needs attribute, unit, phase and interval`}},
		{match + "  durations: [{attribute: a, unit: msec, phase: que, interval: at end}]", []string{
			`m.yaml:3:36: unit "msec" is unknown: did you mean ms?`, `m.yaml:3:49: phase "que" is unknown: did you mean queue?`,
			`m.yaml:3:64: interval "at end" is unknown: use from start, before first token, after first token, until end`}},
		{match + "  durations: [{attribute: a, unit: rfc3339, phase: queue, interval: until end}]", []string{
			`m.yaml:3:36: unit rfc3339 is of a time, not of a duration`}},
		{match + "  durations: [{attribute: a, unit: s, phase: queue, interval: before first token}]", []string{
			`m.yaml:2:3: duration 1 lies before first token: the rule needs first_token, or another interval`}},
		{"a: &a [*a]", []string{`m.yaml:1:1: the file has no key "a": use spans`}},
		{"spans: &a [*a]", []string{`m.yaml:1:8: a rule is not a mapping with keys such as match:`}},
	} {
		_, err := parseMapping("m.yaml", []byte(c.text))
		want := "the mapping cannot be used:\n  " + strings.Join(c.want, "\n  ")
		switch {
		case err == nil:
			t.Errorf("%q is taken", c.text)
		case err.Error() != want:
			t.Errorf("%q (-want +got):\n%s", c.text, cmp.Diff(want, err.Error()))
		case exitCode(err) != exitUsage || hintOf(err) == "":
			t.Errorf("%q: exit code %d, hint %q", c.text, exitCode(err), hintOf(err))
		}
	}
}

// Anchors that mean a very large file are refused.
func TestMappingOfManyAliases(t *testing.T) {
	text := "spans:\n- &r\n  match: {name: a}\n  durations:\n  - &d {attribute: a, unit: s, phase: queue, interval: until end}\n" +
		strings.Repeat("  - *d\n", 1000) + strings.Repeat("- *r\n", 1000)
	_, err := parseMapping("m.yaml", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "at most 100000 entries are read") {
		t.Errorf("got %v", err)
	}
	_, err = parseMapping("m.yaml", make([]byte, maxMappingBytes+1))
	if err == nil || !strings.Contains(err.Error(), "m.yaml:1:1: the file has 1048577 bytes") {
		t.Errorf("got %v", err)
	}
}

// Whatever stands in a mapping file, it is used or refused with its place; what is used can read any span.
func FuzzMapping(f *testing.F) {
	for _, text := range []string{
		"", "{}", "spans: []", "spans:\n- match: {name: llm_*}\n  phase: queue\n", "spans: &a [*a]", "a: &a [*a]", "spans: {<<: {}}", "\x00", "--- \n---\n",
		"spans:\n- match: {attributes: {p: '*', d: '*1*'}}\n  role: inference\n  phase: [queue, network]\n  model: m\n" +
			"  first_token: {attribute: d, unit: ms, from: end}\n  durations:\n  - {attribute: p, unit: ms, phase: prefill, interval: before first token}\n" +
			"  - {attribute: d, unit: dotnet, phase: decode, interval: after first token}\n",
		"spans:\n- match: {service: '*'}\n  role: envelope\n  durations:\n  - {attribute: q, unit: rust, phase: queue, detail: x, interval: from start}\n",
	} {
		f.Add(text)
	}
	place := regexp.MustCompile(`^m\.yaml:\d+:\d+: `)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMapping("m.yaml", []byte(text))
		if err != nil {
			var usage *exitError
			if !errors.As(err, &usage) || usage.code != exitUsage {
				t.Fatalf("%q: %v is no usage error", text, err)
			}
			first := strings.TrimPrefix(err.Error(), "the mapping cannot be used:\n  ")
			if !place.MatchString(first) {
				t.Errorf("%q: %q names no place", text, first)
			}
			return
		}
		if len(m.Rules) == 0 {
			t.Errorf("%q: taken, and says nothing", text)
		}
		checkMapped(t, m)
	})
}

// checkMapped reads spans with all the keys of m, and fails unless every ledger tiles its request.
func checkMapped(t *testing.T, m dialect.Mapping) {
	values := []analyzer.Value{analyzer.Int(1), analyzer.String("1.5ms"), analyzer.String("00:00:00.1"), analyzer.Double(-1), analyzer.Bool(true)}
	dialects := dialect.With(dialect.FromMapping(m))
	for n, v := range values {
		s := analyzer.Span{Name: m.Rules[0].Name.Text, Start: 1e18, End: 1e18 + 1e9, Kind: analyzer.SpanKind(n), Scope: &analyzer.Scope{Name: m.Rules[0].Scope.Text}}
		s.ID[0], s.TraceID[0] = 1, 1
		s.Resource = &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String(m.Rules[0].Service.Text)}}}
		for _, a := range m.Rules[0].Attributes {
			s.Attributes = append(s.Attributes, analyzer.Attribute{Key: a.Key, Value: analyzer.String(a.Value.Text)})
		}
		for _, key := range m.Keys() {
			if _, there := s.Attributes.Get(key); !there {
				s.Attributes = append(s.Attributes, analyzer.Attribute{Key: key, Value: v})
			}
		}
		requests, _ := analyzer.Requests(analyzer.NewTrace([]analyzer.Span{s}), dialects)
		for i := range requests {
			if total := requests[i].E2ELedger.Total(); total != requests[i].E2E() {
				t.Errorf("a ledger of %d ns for %d", total, requests[i].E2E())
			}
		}
	}
}
