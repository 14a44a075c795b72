package emit_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A shape is all of a span but its values: what a reader of a dialect relies on.
type shape struct {
	Name, Scope string
	Kind        int
	Status      int
	Attributes  []string // key and type, in order
	Resource    []string // keys that the SDK sets itself
	Events      []string
}

// An otlpDocument is as much of OTLP's JSON as a shape has.
type otlpDocument struct {
	ResourceSpans []struct {
		Resource   struct{ Attributes []otlpAttribute }
		ScopeSpans []struct {
			Scope struct{ Name, Version string }
			Spans []struct {
				SpanID, ParentSpanID string
				Name                 string
				Kind                 int
				Attributes           []otlpAttribute
				Events               []struct{ Name string }
				Status               struct{ Code int }
			}
		}
	}
}

type otlpAttribute struct {
	Key   string
	Value map[string]any
}

func (a otlpAttribute) String() string {
	for kind := range a.Value {
		return a.Key + " " + strings.TrimSuffix(kind, "Value")
	}
	return a.Key
}

// recordedShapes returns the spans of a recording by the name of their parent: our recordings have one parent a case.
func recordedShapes(t *testing.T, path string) map[string][]shape {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string][]shape{}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var d otlpDocument
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		names := map[string]string{}
		for _, r := range d.ResourceSpans {
			for _, scope := range r.ScopeSpans {
				for _, s := range scope.Spans {
					names[s.SpanID] = s.Name
				}
			}
		}
		for _, r := range d.ResourceSpans {
			for _, scope := range r.ScopeSpans {
				for _, s := range scope.Spans {
					if scope.Scope.Name == "app" {
						continue
					}
					out := shape{Name: s.Name, Scope: strings.TrimSpace(scope.Scope.Name + " " + scope.Scope.Version), Kind: s.Kind, Status: s.Status.Code}
					for _, a := range s.Attributes {
						out.Attributes = append(out.Attributes, a.String())
					}
					for _, a := range r.Resource.Attributes {
						out.Resource = append(out.Resource, a.Key)
					}
					for _, e := range s.Events {
						out.Events = append(out.Events, e.Name)
					}
					shapes[names[s.ParentSpanID]] = append(shapes[names[s.ParentSpanID]], out)
				}
			}
		}
	}
	return shapes
}

func shapeOf(s *analyzer.Span) shape {
	out := shape{Name: s.Name, Scope: strings.TrimSpace(s.Scope.Name + " " + s.Scope.Version), Kind: int(s.Kind), Status: int(s.Status)}
	kinds := map[analyzer.ValueKind]string{
		analyzer.KindString: "string", analyzer.KindInt: "int", analyzer.KindDouble: "double", analyzer.KindBool: "bool", analyzer.KindArray: "array",
	}
	for _, a := range s.Attributes {
		out.Attributes = append(out.Attributes, a.Key+" "+kinds[a.Value.Kind()])
	}
	for _, a := range s.Resource.Attributes {
		out.Resource = append(out.Resource, a.Key)
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, e.Name)
	}
	return out
}

// firstOf returns the first answered request's spans in a dialect.
func firstOf(t *testing.T, name string, r *sim.Run) []analyzer.Span {
	t.Helper()
	d, err := emit.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	for spans := range emit.Traces(r, d, emit.Options{Bare: true, NoInstance: true}) {
		return spans
	}
	t.Fatal("no trace")
	return nil
}

// Dialects of SDKs agree with the recordings that this project made of them, streamed and not. Their contents differ:
// a recording's model is another, so names are compared without it.
func TestEmittersAgreeWithRecordings(t *testing.T) {
	streamed, whole := run(t, nil), run(t, func(c *sim.Config) { c.Server.Whole = true })
	model := regexp.MustCompile(`^chat .*`)
	for _, d := range emit.Dialects {
		path := filepath.Join("..", "..", "analyzer", "dialect", "testdata", "recordings", d.Recorded+".jsonl")
		if !d.Client || d.Recorded == "" {
			continue
		}
		recorded := recordedShapes(t, path)
		for _, c := range []struct {
			name string
			run  *sim.Run
		}{{"case streamed", streamed}, {"case whole", whole}} {
			spans := firstOf(t, d.Name, c.run)
			if len(spans) != 1 || len(recorded[c.name]) != 1 {
				t.Fatalf("%s: %d spans, recorded %d", d.Name, len(spans), len(recorded[c.name]))
			}
			got, want := shapeOf(&spans[0]), recorded[c.name][0]
			got.Resource, want.Resource = nil, nil // the recorder says there what it is
			got.Name, want.Name = model.ReplaceAllString(got.Name, "chat MODEL"), model.ReplaceAllString(want.Name, "chat MODEL")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: recorded -, emitted +\n%s", d.Name, c.name, diff)
			}
		}
	}
}

// The emitter of vLLM agrees with runs of the real server: every span of every run has its shape, and the resource too.
func TestConformanceVLLM(t *testing.T) {
	shared := os.Getenv("SLOWTOKEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(shared, "traces", "vllm_*.otlp.jsonl"))
	if err != nil || len(files) == 0 {
		t.Skipf("no shared data at %s: set SLOWTOKEN_SHARED to its folder", shared)
	}
	spans := firstOf(t, "vllm", run(t, nil))
	got := shapeOf(&spans[0])
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	for _, file := range files {
		n := 0
		for _, list := range recordedShapes(t, file) {
			for _, want := range list {
				n++
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s: recorded -, emitted +\n%s", file, diff)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s has no spans", file)
		}
		t.Logf("%s: %d spans", filepath.Base(file), n)
	}
}

// Taking the truth away leaves what would have been written without it.
func TestTruthCanBeTakenAway(t *testing.T) {
	r := run(t, func(c *sim.Config) { c.Retry.Share = 0.2 })
	for _, d := range emit.Dialects {
		var plain, stripped []analyzer.Span
		for spans := range emit.Traces(r, d, emit.Options{}) {
			plain = append(plain, spans...)
		}
		for spans := range emit.Traces(r, d, emit.Options{Truth: true, Fault: "retries@0.2"}) {
			for i := range spans {
				before := len(spans[i].Attributes)
				spans[i].Attributes = slices.DeleteFunc(spans[i].Attributes, func(a analyzer.Attribute) bool {
					return strings.HasPrefix(a.Key, "slowtoken.truth.")
				})
				if scraped := spans[i].Name == "GET /metrics" || strings.HasSuffix(spans[i].Name, "http send"); i == 0 && !scraped && len(spans[i].Attributes) == before {
					t.Fatalf("%s: no truth on %s", d.Name, spans[i].Name)
				}
			}
			stripped = append(stripped, spans...)
		}
		if !slices.EqualFunc(plain, stripped, func(a, b analyzer.Span) bool { return a.Equal(&b) }) {
			t.Errorf("%s: other spans with the truth", d.Name)
		}
	}
}
