package report

import (
	"errors"
	"strings"
	"testing"
)

func TestGatesAreRead(t *testing.T) {
	gates, err := ParseGates("regression>5%, TTFT-p95 > 12.5 % ,errors>1%,prefill>0%,itl>3%")
	if err != nil {
		t.Fatal(err)
	}
	want := []Gate{
		{Text: "regression>5%", Name: "regression", Limit: 0.05}, {Text: "TTFT-p95 > 12.5 %", Name: "ttft", Stat: "p95", Limit: 0.125},
		{Text: "errors>1%", Name: "errors", Limit: 0.01}, {Text: "prefill>0%", Name: "prefill"}, {Text: "itl>3%", Name: "itl", Limit: 0.03},
	}
	for i := range want {
		if gates[i] != want[i] {
			t.Errorf("condition %d is %+v, want %+v", i, gates[i], want[i])
		}
	}
}

func TestGateErrorsPoint(t *testing.T) {
	for text, want := range map[string]string{
		"regresion>5%":          "^ want one of regression, ttft",
		"ttft-p96>5%":           "     ^ want one of mean, p50, p95, p99",
		"ttft":                  "    ^ want > and how much",
		"e2e>5":                 "     ^ want % after the number",
		"e2e>fast%":             "    ^ want a number and %",
		"e2e>-1%":               "    ^ want a number and %",
		"e2e>5%,, errors>1%":    "       ^ want one of",
		"ttft>5%, error>1%":     "         ^ want one of",
		"errors-p95>1%":         "^ want one of",
		"":                      "^ want one of",
		"regression>5%,tpot<1%": "              ^ want one of",
	} {
		_, err := ParseGates(text)
		var wrong *GateError
		if !errors.As(err, &wrong) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		lines := strings.Split(wrong.Error(), "\n")
		if got := strings.TrimPrefix(lines[2], "  "); !strings.HasPrefix(got, want) {
			t.Errorf("%q points here:\n%s\n%s\nwant:\n%s", text, text, got, want)
		}
	}
}

func FuzzGates(f *testing.F) {
	for _, text := range []string{"regression>5%", "ttft-p95>10%,errors>1%", "e2e > 5 %", ",", "é>1%", "ttft-é>1%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		gates, err := ParseGates(text)
		if err != nil {
			var wrong *GateError
			if !errors.As(err, &wrong) || wrong.At < 0 || wrong.At > len(text) {
				t.Errorf("%q: %v", text, err)
			}
			_ = err.Error()
			return
		}
		for _, g := range gates {
			again, err := ParseGates(g.Text)
			if err != nil || len(again) != 1 || again[0] != g {
				t.Errorf("%q is read as %+v, and that as %+v (%v)", text, g, again, err)
			}
		}
	})
}
