package report

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A saved report is the report: every format prints the same bytes from either.
func TestSavedReportPrintsTheSame(t *testing.T) {
	saved, err := filepath.Glob("testdata/*.json")
	if err != nil || len(saved) == 0 {
		t.Fatal("no golden reports", err)
	}
	for _, name := range saved {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Read(bytes.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, f := range Formats {
			want, err := os.ReadFile(strings.TrimSuffix(name, "json") + f.Name)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := f.Write(&got, r); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s as %s differs from what was printed before it was saved:\n%s", name, f.Name, firstDifference(got.String(), string(want)))
			}
		}
	}
}

// firstDifference returns the first line in which two texts differ.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "got  " + a[i] + "\nwant " + b[i]
		}
	}
	return "one ends earlier"
}

func TestReadRefusesWhatItCannotShowInFull(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"no JSON", "spans", "no report"},
		{"another document", `{"schema": "slowtoken.trace/1"}`, "no report"},
		{"another version", `{"schema": "slowtoken.report/9"}`, "schema slowtoken.report/9"},
		{"an unknown field", `{"schema": "` + Schema + `", "moon": 1}`, "moon"},
		{"another type", `{"schema": "` + Schema + `", "traces": "many"}`, "traces"},
	} {
		if _, err := Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", c.name, err, c.says)
		}
	}
	if _, err := Read(strings.NewReader("{}")); !errors.Is(err, ErrNoReport) {
		t.Error(err)
	}
}

// FuzzRead holds that whatever is read without an error can be printed, and that what is printed reads the same again.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"gateway", "client", "plain", "nothing", "window"} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var first bytes.Buffer
		if err := WriteJSON(&first, r); err != nil {
			t.Skip("a value that JSON cannot hold")
		}
		again, err := Read(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		var second bytes.Buffer
		if err := WriteJSON(&second, again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatal(firstDifference(second.String(), first.String()))
		}
		for _, format := range slices.Clone(Formats) {
			var b bytes.Buffer
			if err := format.Write(&b, again); err != nil {
				t.Fatalf("%s: %v", format.Name, err)
			}
		}
	})
}

// A change in one number changes one line, so that two reports can be compared by their text.
func TestOneNumberIsOneLine(t *testing.T) {
	text, err := os.ReadFile("testdata/gateway.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Report){
		"spans of an operation": func(r *Report) { r.Operations[0].Spans += 7 },
		"requests of a dialect": func(r *Report) { r.Dialects[0].Requests += 7 },
		"mean of a measure":     func(r *Report) { r.Measures[1].Mean *= 1.5 },
		"TTFT of an exemplar":   func(r *Report) { r.Exemplars[2].TTFT += 1e9 },
		"prompt tokens":         func(r *Report) { r.Sizes[0].P50 += 7 },
	} {
		for _, f := range Formats {
			var versions [2]bytes.Buffer
			for i := range versions {
				r, err := Read(bytes.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				if i == 1 {
					change(r)
				}
				if err := f.Write(&versions[i], r); err != nil {
					t.Fatal(err)
				}
			}
			before, after := strings.Split(versions[0].String(), "\n"), strings.Split(versions[1].String(), "\n")
			differ := 0
			for i := range min(len(before), len(after)) {
				if before[i] != after[i] {
					differ++
				}
			}
			if len(before) != len(after) || differ > 1 || (differ == 0 && f.Name != "text") {
				t.Errorf("%s, %s: %d lines differ, of %d and %d", f.Name, name, differ, len(before), len(after))
			}
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	text, err := os.ReadFile("testdata/gateway.json")
	if err != nil {
		b.Fatal(err)
	}
	r, err := Read(bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range Formats {
		b.Run(f.Name, func(b *testing.B) {
			for b.Loop() {
				if err := f.Write(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
