package dialect_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// docs/dialects.md is written from the code: run the test with -update after a change.
func TestDialectsDocument(t *testing.T) {
	const file = "../../docs/dialects.md"
	var out strings.Builder
	out.WriteString(`# Dialects

How each serving stack or SDK is read. The list is in order of precedence: the first dialect that explains a span is
believed. A dialect is *verified* when it was tested against recordings of the real stack; an *experimental* one was
written from documentation and source. Words and rules: [definitions.md](definitions.md). Spans of a stack that is not
here can be read with a [mapping file](mapping.md), which goes right after slowtoken.phase.
`)
	for _, d := range dialect.All {
		state := "experimental"
		if d.Verified {
			state = "verified"
		}
		fmt.Fprintf(&out, "\n## %s (%s)\n\n%s\n\n", d.Name, state, d.Doc)
		if source := dialect.Source(d.Name); source != "" {
			fmt.Fprintf(&out, "Source: %s\n\n", source)
		} else if !strings.Contains(d.Doc, "https://") {
			t.Errorf("nothing says where what %s reads is written down", d.Name)
		}
		fmt.Fprintf(&out, "Attributes read: `%s`.\n", strings.Join(d.Keys, "` `"))
		if len(d.Marks) > 0 {
			fmt.Fprintf(&out, "\nTold by attributes: `%s`.\n", strings.Join(d.Marks, "` `"))
		}
		if len(d.Names) > 0 {
			fmt.Fprintf(&out, "\nTold by span names: `%s`.\n", strings.Join(d.Names, "` `"))
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), out.String()); diff != "" {
		t.Errorf("docs/dialects.md is not what the code says; rewrite it with -update (-have +want):\n%s", diff)
	}
}
