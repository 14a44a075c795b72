package analyzer

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"db", "log.level", "log.format", "serve.drop-content"}
	for name, want := range map[string]string{
		"log.levle":          "log.level",
		"loglevel":           "log.level",
		"serve.drop_content": "serve.drop-content",
		"dbb":                "db",
		"colour.of.the.sea":  "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
