package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/synth"
	"github.com/slowtoken/slowtoken/ingest"
)

var update = flag.Bool("update", false, "write the recording that ships anew")

const testEnd = "2026-01-15T12:00:00Z"

func TestFilesHoldTheCorpus(t *testing.T) {
	const traces = 25
	end, err := time.Parse(time.RFC3339, testEnd)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(slices.Collect(synth.Corpus(synth.CorpusOptions{Seed: 3, Traces: traces, End: end.UnixNano()}))...)
	decoders := map[string]func(*testing.T, []byte) []ptrace.Traces{
		"otlp-proto": decodeLengthPrefixed,
		"otlp-jsonl": func(t *testing.T, b []byte) []ptrace.Traces {
			var messages []ptrace.Traces
			for line := range bytes.Lines(b) {
				messages = append(messages, decodeJSON(t, line))
			}
			return messages
		},
		"otlp-json": func(t *testing.T, b []byte) []ptrace.Traces { return []ptrace.Traces{decodeJSON(t, b)} },
	}
	for format, decode := range decoders {
		for _, name := range []string{"corpus", "corpus.gz"} {
			t.Run(format+" "+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), name)
				var stdout bytes.Buffer
				err := run(t.Context(), []string{"--traces", "25", "--seed", "3", "--end", testEnd, "--batch", "80",
					"--format", format, "--out", path}, &stdout, io.Discard)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(stdout.String(), "wrote 200 spans") {
					t.Errorf("it said %q", stdout.String())
				}
				var got []analyzer.Span
				for _, td := range decode(t, readFile(t, path)) {
					spans, refused := ingest.FromTraces(td)
					if refused.Total() > 0 {
						t.Errorf("refused %v", refused)
					}
					got = append(got, spans...)
				}
				// Spans of one message come grouped by process.
				compare := func(a, b analyzer.Span) int { return a.ID.Compare(b.ID) }
				slices.SortFunc(got, compare)
				sorted := slices.SortedFunc(slices.Values(want), compare)
				if !slices.EqualFunc(got, sorted, func(a, b analyzer.Span) bool { return a.Equal(&b) }) {
					t.Errorf("the file holds %d spans that are not the %d of the corpus", len(got), len(want))
				}
			})
		}
	}
}

// readFile returns what a file holds, unpacked.
func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		return unpack(t, content)
	}
	return content
}

func unpack(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func decodeJSON(t *testing.T, b []byte) ptrace.Traces {
	t.Helper()
	td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(b)
	if err != nil {
		t.Fatal(err)
	}
	return td
}

func decodeLengthPrefixed(t *testing.T, b []byte) []ptrace.Traces {
	t.Helper()
	var messages []ptrace.Traces
	for len(b) > 0 {
		length := binary.BigEndian.Uint32(b)
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(b[4 : 4+length])
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, td)
		b = b[4+length:]
	}
	return messages
}

// The recording that documents and tests read is what the simulation gives, so nobody has to trust a blob.
func TestShippedRecordingIsWhatTheSimulationGives(t *testing.T) {
	path := "../../inference/demo/recording.otlp.jsonl.gz"
	fresh := filepath.Join(t.TempDir(), filepath.Base(path))
	if *update {
		fresh = path
	}
	if err := run(t.Context(), []string{"--recording", "--out", fresh}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if *update {
		return
	}
	if !bytes.Equal(readFile(t, path), readFile(t, fresh)) {
		t.Error("inference/demo holds another recording; go test ./cmd/tracegen -run Recording -update writes it anew")
	}
}

// The traces of the case study are what the simulation gives, too.
func TestExampleTracesAreWhatTheSimulationGives(t *testing.T) {
	for file, mended := range map[string]string{"before": "--mended=false", "after": "--mended"} {
		fresh := filepath.Join(t.TempDir(), file+".otlp.jsonl.gz")
		args := []string{"--sim", "--fault", "queue-limit@8", "--seconds", "150", "--seed", "3", mended, "--out", fresh}
		if err := run(t.Context(), args, io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(readFile(t, "../../docs/examples/"+filepath.Base(fresh)), readFile(t, fresh)) {
			t.Errorf("docs/examples holds another %s; make examples writes it anew", filepath.Base(fresh))
		}
	}
}

func TestWrongFlagsAreExplained(t *testing.T) {
	tests := []struct{ flags, want string }{
		{"", "say where the traces go"},
		{"--out a --otlp-grpc b", "say where the traces go"},
		{"--out a --format xml", `--format "xml" is unknown`},
		{"--out a --end yesterday", `--end "yesterday" is neither`},
		{"--out a --traces 0", "must be at least 1"},
		{"--out a --rate -1", "cannot be negative"},
		{"--recording --otlp-grpc a:1", "--recording goes to a file"},
		{"--out a b", `unexpected argument "b"`},
	}
	t.Chdir(t.TempDir())
	for _, test := range tests {
		err := run(t.Context(), strings.Fields(test.flags), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("tracegen %s: got error %v, want one with %q", test.flags, err, test.want)
		}
	}
}
