package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// lessWork shortens what documents do for minutes: the same commands, over less.
var lessWork = []string{
	"slowtoken demo", "slowtoken demo --length 8s",
	" --duration 2m", "", " --duration 10m", "", "slowtoken loadtest", "slowtoken loadtest --duration 3s --warmup 0s --drain 20s",
	"--sweep 1:64", "--sweep 4:16 --step-requests 10", "--seconds 1800", "--seconds 30",
	"--traces 1250000", "--traces 1250", "--traces 100000", "--traces 500", "--traces 125000", "--traces 125", "--tree 1000000", "--tree 1000", "--rate 20000", "--rate 500",
	"Examine/1000000", "Examine/10000", "-benchtime 100000x", "-benchtime 100x", "/usr/bin/time -v ", "",
}

var startsGateway = regexp.MustCompile(`(?m)^slowtoken gateway.*&`)

// TestDocumentsForReal runs the commands of documents that take longer or need more: in a copy of the repository, with
// the binary that was built, a real Jaeger and a real Ollama server with a small random model. make documents-test sets the
// variables that name them.
func TestDocumentsForReal(t *testing.T) {
	jaeger, ollama := os.Getenv("SLOWTOKEN_JAEGER"), os.Getenv("SLOWTOKEN_OLLAMA")
	if jaeger == "" || ollama == "" {
		t.Skip("SLOWTOKEN_JAEGER and SLOWTOKEN_OLLAMA name no servers to run documents with: make documents-test builds them")
	}
	w := newRealWorld(t, jaeger, ollama)
	done := map[string]bool{}
	for _, b := range commandBlocks(t) {
		if !slices.ContainsFunc(b.lines, func(line string) bool {
			kind, _, _ := commandKindOf(line)
			return kind == runForReal || kind == scaledDown || kind == dryRun
		}) {
			continue
		}
		t.Run(b.where+" "+b.lines[0], func(t *testing.T) { w.runBlock(t, b, done) })
	}
}

// newRealWorld returns a world in a copy of the repository.
func newRealWorld(t *testing.T, jaeger, ollama string) *commandWorld {
	t.Helper()
	top, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "slowtoken")
	if out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", top, dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the repository: %v\n%s", err, out)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"slowtoken": filepath.Join(top, "bin", "slowtoken"), "ollama": ollama} {
		if err := os.Symlink(to, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "my-application"), []byte("#!/bin/sh\nexec bin/tracegen --traces 1 --otlp-grpc ${OTEL_EXPORTER_OTLP_ENDPOINT#http://}\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	w := newCommandWorld(t, dir)
	w.environ = append(w.environ, "PATH="+bin+":"+os.Getenv("PATH"), "OLLAMA_MODELS="+filepath.Join(dir, "models"), "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOPROXY="+goEnv(t, "GOPROXY"), "GOFLAGS="+goEnv(t, "GOFLAGS"), "GONOSUMDB="+goEnv(t, "GONOSUMDB"), "GOSUMDB="+goEnv(t, "GOSUMDB"))
	real := freeAddress(t)
	w.start(t, []string{"OLLAMA_HOST=" + real}, "http://"+real+"/api/version", "env OLLAMA_HOST="+real+" ollama serve")
	// A model of random weights does not come to an end by itself.
	w.mustRun(t, "slowtoken model make --size 5M --out random.gguf && echo PARAMETER num_predict 16 >>random.Modelfile && for name in random llama3.2; do OLLAMA_HOST="+real+" ollama create $name -f random.Modelfile; done")
	w.environ = append(w.environ, "OLLAMA_HOST="+real)
	for i := 1; i < len(w.replaced); i += 2 {
		w.replaced[i] = strings.ReplaceAll(w.replaced[i], w.ollama, "http://"+real)
	}
	w.ollama = "http://" + real
	w.replaced = append(slices.Clone(lessWork), w.replaced...)
	w.replaced = append([]string{"grpc://jaeger:16685", "grpc://" + w.jaeger(t, jaeger), "OLLAMA_HOST=127.0.0.1:11435 ollama run llama3.2", "echo hi | OLLAMA_HOST=" + w.gateway + " ollama run llama3.2",
		"/usr/local/bin/", bin + "/installed-"}, w.replaced...)
	w.mustRun(t, "go build -o bin/tracegen ./cmd/tracegen")
	return w
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// jaeger starts one that holds traces of the last minutes, and returns where it answers gRPC.
func (w *commandWorld) jaeger(t *testing.T, binary string) string {
	t.Helper()
	otlp, web, grpc := freeAddress(t), freeAddress(t), freeAddress(t)
	config := `service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}}
  telemetry: {metrics: {level: none}, logs: {level: warn}}
extensions:
  jaeger_storage: {backends: {memory: {memory: {max_traces: 1000}}}}
  jaeger_query: {storage: {traces: memory}, http: {endpoint: "` + web + `"}, grpc: {endpoint: "` + grpc + `"}}
receivers: {otlp: {protocols: {grpc: {endpoint: "` + otlp + `"}}}}
exporters: {jaeger_storage_exporter: {trace_storage: memory}}
`
	file := filepath.Join(w.dir, "jaeger.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start(t, nil, "http://"+web+"/api/services", binary+" --config "+file)
	recording, err := readRecording()
	if err != nil {
		t.Fatal(err)
	}
	retime(recording, time.Now().Add(-time.Minute))
	if _, err := send(t.Context(), otlp, recording); err != nil {
		t.Fatal(err)
	}
	return grpc
}

// runBlock runs the commands of a block in one shell, as a reader does, and those that run until they are stopped beside it.
// What was run before is not run again.
func (w *commandWorld) runBlock(t *testing.T, b commandBlock, done map[string]bool) {
	script := "set -e\ntrap 'code=$?; kill $(jobs -p) 2>/dev/null || true; wait || true; exit $code' EXIT\nawait() { until curl -fs -o /dev/null $1; do sleep 0.1; done; }\n"
	if text := strings.Join(b.lines, "\n"); strings.Contains(text, "127.0.0.1:11435") && !startsGateway.MatchString(text) {
		script += "slowtoken gateway --listen " + w.gateway + " --ollama " + w.ollama + " &\nawait http://" + w.gateway + "/healthz\n"
	}
	if strings.Contains(strings.Join(b.lines, "\n"), "my-application") {
		script += "slowtoken serve &\nawait http://" + w.admin + "/readyz\n"
	}
	for _, line := range b.lines {
		kind, settings, _ := commandKindOf(line)
		command := w.here(line)
		same := strings.TrimSpace(strings.SplitN(strings.TrimPrefix(line, "bin/"), "  #", 2)[0])
		if done[same] && !strings.HasSuffix(same, "&") {
			continue
		}
		done[same] = true
		switch {
		case kind == scaledDown:
			command, _, _ = strings.Cut(command, " #")
			command = strings.TrimSpace(command) + " " + settings
		case kind == dryRun:
			command = strings.Replace(command, "make ", "make -n ", 1)
		case kind != runForReal && kind != runQuickly:
			continue
		case isForeground(line):
			if err := w.try(t, command); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			continue
		}
		if strings.HasPrefix(line, "sha256sum") {
			script += "make dist VERSION=v0 >&2 && cp dist/* .\n"
		}
		if gates.MatchString(line) {
			command = "{ " + strings.TrimSpace(strings.SplitN(command, "  #", 2)[0]) + "; } || [ $? = 3 ]"
		}
		script += "echo '$ '" + quoteArgs(line) + " >&2\n" + command + "\n"
		switch {
		case strings.Contains(line, "slowtoken serve") && strings.Contains(line, "&"):
			script += "await http://" + w.admin + "/readyz\n"
		case strings.Contains(line, "slowtoken gateway") && strings.Contains(line, "&"):
			script += "await http://" + w.gateway + "/healthz\n"
		case strings.Contains(line, "slowtoken loadtest") && strings.Contains(line, "--otlp"):
			script += "sleep 6 # the gateway's exporter sends every 5 s\n"
		}
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := w.shell(ctx, script).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s, %s: %.1f s", b.where, b.lines[0], time.Since(begun).Seconds())
}
