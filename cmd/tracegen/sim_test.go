package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/ingest"
)

// simulated runs tracegen --sim and returns what it wrote.
func simulated(t *testing.T, flags string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sim.otlp.jsonl")
	args := append([]string{"--sim", "--out", path}, strings.Fields(flags)...)
	var stdout bytes.Buffer
	if err := run(t.Context(), args, &stdout, io.Discard); err != nil {
		t.Fatalf("tracegen %s: %v", strings.Join(args, " "), err)
	}
	if !strings.HasPrefix(stdout.String(), "simulated ") {
		t.Errorf("it said %q", stdout.String())
	}
	return readFile(t, path)
}

// readOTLP returns the spans and metric points of OTLP JSON, a message a line, as the importer reads them.
func readOTLP(t *testing.T, content []byte) (spans []analyzer.Span, points []analyzer.MetricPoint) {
	t.Helper()
	for line := range bytes.Lines(content) {
		if bytes.HasPrefix(line, []byte(`{"resourceMetrics"`)) {
			md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(line)
			if err != nil {
				t.Fatal(err)
			}
			points = append(points, ingest.FromMetrics(md)...)
			continue
		}
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
		if err != nil {
			t.Fatal(err)
		}
		list, refused := ingest.FromTraces(td)
		if refused.Total() > 0 {
			t.Errorf("refused %v", refused)
		}
		spans = append(spans, list...)
	}
	return spans, points
}

// All the way, through a file and the importer: each dialect is read as itself, and each request is found.
func TestSimulatedRunsAreReadAsTheirDialect(t *testing.T) {
	reads := map[string]string{"slowtoken": "otel-genai", "otel-genai-chunk": "otel-genai", "openinference-python": "openinference", "openllmetry-python": "openllmetry", "ollama-openllmetry": "ollama"}
	for _, d := range emit.Dialects {
		spans, _ := readOTLP(t, simulated(t, "--seconds 5 --truth --dialect "+d.Name))
		requests, truths := 0, 0
		for trace := range analyzer.GroupByTrace(spans) {
			found, _ := analyzer.Requests(trace, dialect.All)
			for i := range found {
				requests++
				want := d.Name
				if as, other := reads[d.Name]; other {
					want = as
				}
				if found[i].Dialect != want {
					t.Fatalf("%s is read as %s", d.Name, found[i].Dialect)
				}
			}
		}
		for i := range spans {
			s := &spans[i]
			e2e, is := s.Attributes.Number("slowtoken.truth.e2e")
			if !is {
				continue
			}
			truths++
			var sum float64
			for _, p := range analyzer.Phases {
				ns, _ := s.Attributes.Number("slowtoken.truth.e2e." + p.String())
				sum += ns
			}
			if math.Abs(sum-e2e) > 0.5 {
				t.Errorf("%s: the truth's phases sum to %.0f of %.0f ns", d.Name, sum, e2e)
			}
		}
		if requests == 0 || requests != truths {
			t.Errorf("%s: %d requests are read of %d", d.Name, requests, truths)
		}
	}
}

func TestSimulatedMetricsAreThoseOfTheRun(t *testing.T) {
	_, points := readOTLP(t, simulated(t, "--seconds 60 --fault kv-squeeze@0.5 --metrics"))
	most := map[string]float64{}
	for _, p := range points {
		v, ok := p.Value.AsDouble()
		if !ok || p.Resource == nil || p.Time == 0 {
			t.Fatalf("point %+v", p)
		}
		most[p.Name] = max(most[p.Name], v)
	}
	for _, name := range []string{"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:num_preemptions_total", "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_SM_CLOCK"} {
		if most[name] <= 0 {
			t.Errorf("%s is never above zero", name)
		}
	}
	if use := most["vllm:kv_cache_usage_perc"]; use < 0.9 || use > 1 {
		t.Errorf("a KV cache that is too small is at most %.2f full", use)
	}
	if most["DCGM_FI_DEV_GPU_UTIL"] > 100 {
		t.Errorf("the GPU is used %.0f %%", most["DCGM_FI_DEV_GPU_UTIL"])
	}
}

func TestSimulationIsTheSameBytes(t *testing.T) {
	const flags = "--seconds 5 --fault slow-network@50+pause@200 --metrics"
	if !bytes.Equal(simulated(t, flags), simulated(t, flags)) {
		t.Error("the same flags gave other bytes")
	}
	if bytes.Equal(simulated(t, flags), simulated(t, flags+" --seed 2")) {
		t.Error("another seed gave the same bytes")
	}
	spans, _ := readOTLP(t, simulated(t, flags+" --end 2026-03-01T00:00:00Z"))
	if last := spans[len(spans)-1].Start; last > 1772323200e9+60e9 || last < 1772323200e9-60e9 {
		t.Errorf("it ends at %d", last)
	}
}

func TestRecordedLoadsAreReplayed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "load.csv")
	if err := os.WriteFile(path, []byte("at,prompt,output\n0,100,5\n1.5,200,6\n9,300,7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	spans, _ := readOTLP(t, simulated(t, "--seconds 5 --bare --replay "+path))
	var got []string
	for _, s := range spans {
		in, _ := s.Attributes.Number("gen_ai.usage.prompt_tokens")
		out, _ := s.Attributes.Number("gen_ai.usage.completion_tokens")
		got = append(got, fmt.Sprint(in, " in ", out, " out"))
	}
	if want := []string{"100 in 5 out", "200 in 6 out"}; !slices.Equal(got, want) {
		t.Errorf("the first 5 s of it are %q, want %q", got, want)
	}
	if err := run(t.Context(), []string{"--sim", "--out", "-", "--replay", path + "x"}, io.Discard, io.Discard); err == nil {
		t.Error("a file that is not there is replayed")
	}
}

func TestSimulationListsWhatThereIs(t *testing.T) {
	var faults, dialects bytes.Buffer
	if err := run(t.Context(), []string{"--sim", "--faults"}, &faults, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"--sim", "--dialects"}, &dialects, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(faults.String(), "kv-squeeze") || !strings.Contains(dialects.String(), "sglang") {
		t.Errorf("faults:\n%s\ndialects:\n%s", &faults, &dialects)
	}
}

func TestWrongSimulationFlagsAreExplained(t *testing.T) {
	tests := []struct{ flags, want string }{
		{"", "say where the traces go"},
		{"--out a --fault slownetwork", "did you mean slow-network?"},
		{"--out a --fault pause@0", "must be 20 to 10000 ms"},
		{"--out a --dialect tgl", `dialect "tgl" is unknown`},
		{"--out a --model x", `--model "x" is unknown`},
		{"--out a --device x", `--device "x" is unknown`},
		{"--out a --workload x", `workload "x" is unknown`},
		{"--out a --model meta-llama/Llama-3.1-70B-Instruct", "does not fit one"},
		{"--out a --end soon", `--end "soon" is neither`},
		{"--out a --seconds 0", "--seconds from above 0"},
		{"--out a b", `unexpected argument "b"`},
	}
	t.Chdir(t.TempDir())
	for _, test := range tests {
		err := run(t.Context(), append([]string{"--sim"}, strings.Fields(test.flags)...), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("tracegen --sim %s: got error %v, want one with %q", test.flags, err, test.want)
		}
	}
}
