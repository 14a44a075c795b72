package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// secrets are what nobody may read in a report, with what they are told to be. They are made up.
var secrets = []struct{ kind, text, hidden string }{
	{"e-mail address", "chat for ada.lovelace@example.com", "ada.lovelace@example.com"},
	{"e-mail address", "für jürgen@bücher.example", "jürgen@bücher.example"},
	{"token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N", "dozjgNryP4J3jVmNHl0w5N"},
	{"token", "Authorization: Bearer abc123DEF456", "abc123DEF456"},
	{"API key", "use sk-proj-abcdEFGH1234ijkl now", "abcdEFGH1234"},
	{"API key", "ghp_0123456789abcdefghijABCDEFGHIJ", "0123456789abcdefghij"},
	{"API key", "hf_AbCdEfGhIjKlMnOpQrSt", "AbCdEfGhIjKlMnOpQrSt"},
	{"API key", "AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"},
	{"credentials", "GET https://ada:s3cret@example.com/x", "s3cret"},
	{"URL query", "GET /search?q=my+medical+record", "medical"},
	{"secret", "password=hunter22", "hunter22"},
	{"secret", "api_key: x, apikey=verysecret1", "verysecret1"},
	{"phone number", "call +4915112345678", "4915112345678"},
	{"home folder", "/home/ada/traces.json", "ada"},
	{"opaque string", "job 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "9f86d081884c7d65"},
	{"private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"},
}

func TestRedactHidesSecretsEverywhere(t *testing.T) {
	for _, s := range secrets {
		calls := gatewayCalls()
		for i := range calls {
			calls[i].service += " " + s.text
			calls[i].name += " " + s.text
		}
		calls[1].attributes = append(calls[1].attributes, text("gen_ai.prompt", "tell me a secret"))
		r := buildReport(t, calls, Options{Source: "traces of " + s.text, Filter: population.Filter{Where: []population.Where{}}})
		Redact(r)
		if !slices.ContainsFunc(r.Redacted, func(x Redaction) bool { return x.What == s.kind && x.Where == "operations.name" && x.Count > 0 }) {
			t.Errorf("%q: %+v does not say that a %s was left out of the names of operations", s.text, r.Redacted, s.kind)
		}
		for _, f := range Formats {
			var b bytes.Buffer
			if err := f.Write(&b, r); err != nil {
				t.Fatal(err)
			}
			for _, hidden := range []string{s.hidden, "tell me a secret"} {
				if strings.Contains(b.String(), hidden) {
					t.Errorf("%s shows %q of %q", f.Name, hidden, s.text)
				}
			}
		}
	}
}

// What a reader needs stays: names of services, models and settings, ids of traces, numbers.
func TestRedactLeavesTheRest(t *testing.T) {
	x := newRedactor()
	for _, s := range []string{
		"vllm_codellama34b_prefill_heavy.otlp.jsonl", "meta-llama/Llama-3.1-8B-Instruct", "llm_request", "--max-num-batched-tokens 2048",
		"first token: 30 ms, 59.2 tokens", "A step takes at most 64 prompt tokens, so each takes 440 us", "vllm-7d9f8b6c5-x2x9z", "10.0.0.5:8000",
		"POST /v1/chat/completions", "550e8400-e29b-41d4-a716-446655440000", "Is it the queue? Probably", "internationalizationframework", "basic authentication",
		"gpt-4o-2024-08-06", "http://jaeger:16686",
	} {
		if got := x.text(s, "operations.name"); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	r := buildReport(t, gatewayCalls(), Options{})
	want := asJSON(t, r)
	Redact(r)
	if got := asJSON(t, r); got != want || len(r.Redacted) > 0 {
		t.Errorf("a report without secrets changed, %+v:\n%s", r.Redacted, firstDifference(got, want))
	}
}

func asJSON(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Values of attributes that name a person go by their key, whatever they look like, and equal ones stay equal.
func TestRedactGoesByTheKeyToo(t *testing.T) {
	r := &Report{
		Correlations: []population.Correlation{{Attribute: "user", Value: "ada"}, {Attribute: "user", Value: "7"}, {Attribute: "tenant", Value: "acme"}},
		Cohorts:      []population.Cohort{{Name: "user=ada", Attribute: "user", Value: "ada"}},
		Filter:       Filter{Where: map[string]string{"enduser.id": "grace", "tenant.id": "acme"}},
		Abstained:    []population.Abstention{{Why: "ada alone waits; adagio does not; 7 requests"}},
		Exemplars:    []Exemplar{{TraceID: "0af7651916cd43dd8448eb211c80319c", Link: "https://bob:pw@grafana.example/explore?panes=1&token=abc"}},
		Header:       &Header{Title: "For ada", Author: "ada@example.com", Commands: []string{"slowtoken report --where enduser.id=grace"}},
		Sample:       &population.Sample{},
	}
	Redact(r)
	for _, c := range []struct{ got, want string }{
		{r.Correlations[0].Value, "[user 2]"}, {r.Correlations[1].Value, "[user 3]"}, {r.Correlations[2].Value, "acme"},
		{r.Cohorts[0].Name, "user=[user 2]"}, {r.Filter.Where["tenant.id"], "acme"}, {r.Filter.Where["enduser.id"], r.Header.Commands[0][len("slowtoken report --where enduser.id="):]},
		{r.Abstained[0].Why, "[user 2] alone waits; adagio does not; 7 requests"},
		{r.Exemplars[0].TraceID, "0af7651916cd43dd8448eb211c80319c"}, {r.Exemplars[0].Link, "https://grafana.example/explore?panes=1"},
		{r.Header.Title, "For ada"}, {r.Header.Author, "ada@example.com"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// FuzzRedact holds that a secret between any two texts is hidden, wherever it stands, and that doing it twice changes
// nothing more.
func FuzzRedact(f *testing.F) {
	for i := range secrets {
		f.Add("a ", " b", i)
		f.Add("", "\n", i)
		f.Add("https://x/?a=", "", i)
	}
	f.Add("Bearer ", "", 0)
	f.Add("\xff", "\x00", 3)
	f.Fuzz(func(t *testing.T, before, after string, which int) {
		s := secrets[uint(which)%uint(len(secrets))]
		// A letter or a sign beside it can make it part of something else; a blank cannot.
		in := before + " " + s.text + " " + after
		x := newRedactor()
		once := x.text(in, "operations.name")
		if strings.Contains(once, s.hidden) && !strings.Contains(before+after, s.hidden) {
			t.Fatalf("%q became %q, which shows %q", in, once, s.hidden)
		}
		if twice := newRedactor().text(once, "abstained.why"); twice != once && !strings.Contains(before+after, "[") {
			t.Fatalf("%q became %q, then %q", in, once, twice)
		}
		Redact(&Report{Operations: []Operation{{Name: in, Service: before}}, Architecture: Architecture{Services: []ServiceView{{Facts: map[string][]string{"user.email": {after}}}}}})
	})
}
