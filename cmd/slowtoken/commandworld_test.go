package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // the driver that duckdbMain asks for
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/ollamasim"
	"github.com/slowtoken/slowtoken/inference/sim"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/report/confluence/confluencetest"
)

// A commandWorld is where the documents' commands run: a folder with the files that they read, the servers that they ask,
// and a server that holds traces of the last hour, of the day before yesterday, and of a day that they name.
type commandWorld struct {
	dir      string
	ollama   string // where one answers
	gateway  string // where serve puts one in front of it
	admin    string
	environ  []string
	replaced []string // what stands in documents, and what it is here, in turn
}

func newCommandWorld(t *testing.T, dir string) *commandWorld {
	t.Helper()
	w := &commandWorld{dir: dir}
	tmp := filepath.Join(w.dir, "tmp")
	for _, dir := range []string{tmp, filepath.Join(w.dir, "home"), filepath.Join(w.dir, "my-rules")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	jaeger, tempo, ollama, confluence := w.servers(t)
	grpc, http4318, admin, gateway, other := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	db := filepath.Join(w.dir, "slowtoken.db")
	w.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(w.dir, "home"), "TMPDIR=" + tmp, "TZ=UTC", "EDITOR=echo", "NO_COLOR=1", "GOFLAGS=" + os.Getenv("GOFLAGS"),
		"SLOWTOKEN_DB=" + db, "SLOWTOKEN_OTLP_GRPC_ENDPOINT=" + grpc, "SLOWTOKEN_OTLP_HTTP_ENDPOINT=" + http4318, "SLOWTOKEN_ADMIN_ENDPOINT=" + admin,
		"SLOWTOKEN_SETTLE=0s", "OLLAMA_HOST=" + ollama, "CONFLUENCE_URL=" + confluence, "CONFLUENCE_EMAIL=ada@example.com", "CONFLUENCE_TOKEN=" + confluenceToken,
	}
	w.replaced = []string{
		"http://jaeger:16686", jaeger, "http://tempo:3200", tempo, "https://tempo.example.com", tempo, "https://example.atlassian.net", confluence,
		"CONFLUENCE_TOKEN=...", "CONFLUENCE_TOKEN=" + confluenceToken, "http://gpu1:8000", ollama, "http://gpu1:11434", ollama, "http://127.0.0.1:11434", ollama,
		"http://collector:4318", "http://" + http4318, "0.0.0.0:4317", other, "127.0.0.1:14317", other, "127.0.0.1:4317", grpc, "127.0.0.1:4318", http4318, "127.0.0.1:11435", gateway,
		"slowtoken gateway", "slowtoken gateway --listen " + gateway, "/var/lib/slowtoken/slowtoken.db", db, "/tmp/", tmp + "/", "sudo ", "",
		"docker exec CONTAINER ", "", "docker exec slowtoken ", "", "docker compose -f deploy/compose.yaml exec slowtoken ", "", "kubectl exec statefulset/slowtoken -- ", "",
		"kubectl exec deploy/collector -- cat /data/traces.jsonl", "cat traces.json",
		"slowtoken compact", "slowtoken compact --db traces.duckdb",
	}
	w.files(t)
	w.ollama, w.gateway, w.admin = ollama, gateway, admin
	return w
}

// serve starts what documents take for running: the server, and a gateway.
func (w *commandWorld) serve(t *testing.T) {
	t.Helper()
	w.start(t, nil, "http://"+w.admin+"/readyz", "slowtoken serve")
	w.start(t, []string{"OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=none"}, "http://"+w.gateway+"/healthz", "slowtoken gateway --listen "+w.gateway+" --ollama "+w.ollama)
}

// servers starts those that the documents name, and returns where they are.
func (w *commandWorld) servers(t *testing.T) (jaeger, tempo, ollama, confluence string) {
	t.Helper()
	spans := engineSpans(40, time.Now().Add(-30*time.Minute), 20*time.Second)
	site := &confluencetest.Server{Cloud: true, Email: "ada@example.com", Token: confluenceToken, Spaces: []string{"PERF"}}
	simulated := ollamasim.New(sim.NewConfig(sim.Llama8B, sim.H100), ollamasim.Options{Model: "llama3.2:1b"})
	t.Cleanup(simulated.Close)
	at := []string{}
	for _, handler := range []http.Handler{&fakeJaeger{spans: spans}, fakeTempo(spans), simulated, site} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		at = append(at, server.URL)
	}
	return at[0], at[1], at[2], at[3]
}

// files writes what the documents' commands read.
func (w *commandWorld) files(t *testing.T) {
	t.Helper()
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(w.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for i, at := range []struct {
		end  time.Time
		name string
	}{
		{now.Add(-time.Minute), "traces.json"}, {now.Add(-36 * time.Hour), "yesterday.json"}, {time.Date(2026, 1, 2, 15, 30, 0, 0, time.UTC), "named.json"},
	} {
		write(at.name, worldTraces(t, byte(i), at.end))
	}
	for name, like := range map[string]string{"before.otlp.jsonl": "yesterday.json", "after.otlp.jsonl": "traces.json", "more.jsonl.gz": "named.json"} {
		text, err := os.ReadFile(filepath.Join(w.dir, like))
		if err != nil {
			t.Fatal(err)
		}
		write(name, text)
	}
	for _, name := range []string{"azure_code.csv", "azure_conv.csv"} {
		write(name, []byte("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.97,64,8\n2023-11-16 18:17:04.20,64,8\n2023-11-16 18:17:04.90,128,4\n"))
	}
	rule := documents(t)["docs/rules.md"]
	_, rule, _ = strings.Cut(rule, "```yaml\nid: long-waits")
	rule, _, _ = strings.Cut(rule, "```")
	write("my-rules/long-waits.yaml", []byte("id: long-waits"+rule))
	write("my-rules/long-waits.test.yaml", []byte("tests:\n  - name: long waits are named\n    measures: {queue_mean: 300ms, e2e_mean: 1s, utilisation: 0.9, queue_recoverable: [250ms, 200ms, 300ms]}\n    expect: {fires: [long-waits]}\n"))
	write("metrics.json", []byte(`{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"vllm"}}]},"scopeMetrics":[{"scope":{},"metrics":[{"name":"vllm:num_requests_waiting","gauge":{"dataPoints":[{"timeUnixNano":"`+fmt.Sprint(now.Add(-2*time.Minute).UnixNano())+`","asDouble":3}]}}]}]}]}`+"\n"))
	write("token", []byte("s3cr3t"))
	writeCertificate(t, filepath.Join(w.dir, "server.crt"), filepath.Join(w.dir, "server.key"))
	w.mustRun(t, "slowtoken import traces.json yesterday.json named.json metrics.json")
	w.mustRun(t, "slowtoken report traces.json --format json --out saved.json && for f in baseline before now a b; do cp saved.json $f.json; done")
	w.mustRun(t, "slowtoken import --db traces.duckdb traces.json")
}

// worldTraces returns the recording, moved in time, with what the documents look for: a model, tenants, a trace by its id.
func worldTraces(t *testing.T, copied byte, end time.Time) []byte {
	t.Helper()
	recording, err := readRecording()
	if err != nil {
		t.Fatal(err)
	}
	retime(recording, end)
	models := []string{"llama-3.1-8b", "gpt-4o-mini"}
	var named pcommon.TraceID
	var out bytes.Buffer
	for _, td := range recording {
		for s := range allSpans(td) {
			id := s.TraceID()
			model := models[id[1]%2]
			if named == (pcommon.TraceID{}) {
				named = id
			}
			if id == named {
				id = [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36}
			}
			id[7] ^= copied
			s.SetTraceID(id)
			if _, is := s.Attributes().Get("gen_ai.usage.prompt_tokens"); is {
				s.Attributes().PutStr("gen_ai.request.model", model)
				s.Attributes().PutStr("gen_ai.response.model", model)
			}
			s.Attributes().PutStr("tenant", "acme")
			s.Attributes().PutStr("server.address", "eu.example.com")
		}
		line, err := new(ptrace.JSONMarshaler).MarshalTraces(td)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	return out.Bytes()
}

// fakeTempo is as much of Tempo's API as fetching needs: which traces there are, and each of them.
func fakeTempo(spans []analyzer.Span) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v2/search/tag/resource.service.name/values", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"tagValues":[{"type":"string","value":"vllm"}]}`)
	})
	mux.HandleFunc("/api/search", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.ParseInt(r.FormValue("start"), 10, 64)
		to, _ := strconv.ParseInt(r.FormValue("end"), 10, 64)
		list := []string{}
		for i := range spans {
			if at := spans[i].Start / 1e9; from <= at && at <= to {
				list = append(list, fmt.Sprintf(`{"traceID":"%s"}`, spans[i].TraceID))
			}
		}
		fmt.Fprintf(w, `{"traces":[%s],"metrics":{"completedJobs":1,"totalJobs":1}}`, strings.Join(list, ","))
	})
	mux.HandleFunc("/api/v2/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		i := slices.IndexFunc(spans, func(s analyzer.Span) bool { return s.TraceID.String() == r.PathValue("id") })
		if i < 0 {
			http.NotFound(w, r)
			return
		}
		body, err := new(ptrace.ProtoMarshaler).MarshalTraces(ingest.ToTraces(spans[i : i+1]))
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/protobuf")
		w.Write(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body))
	})
	return mux
}

// writeCertificate makes a certificate for this machine that signs itself.
func writeCertificate(t *testing.T, certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	signed, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// freeAddress returns an address of this machine that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// here returns a document's command as it runs in the world.
func (w *commandWorld) here(command string) string {
	return strings.NewReplacer(w.replaced...).Replace(command)
}

// shell returns a shell that runs a script in the world.
func (w *commandWorld) shell(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = w.dir, w.environ
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

func (w *commandWorld) mustRun(t *testing.T, script string) {
	t.Helper()
	if out, err := w.shell(t.Context(), script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// start runs a server until the test ends, and waits until url answers.
func (w *commandWorld) start(t *testing.T, environ []string, url, command string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := w.shell(ctx, "exec "+command)
	cmd.Env = append(environ, cmd.Env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
	})
	ready, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	for !answersOK(ready, url) {
		if pause(ready, 20*time.Millisecond) != nil {
			t.Fatalf("%s: %s does not answer:\n%s", command, url, said.String())
		}
	}
}

// duckdbMain is as much of DuckDB's own program as documents show: duckdb -readonly FILE QUERY. It prints the rows.
func duckdbMain() {
	if err := duckdbQuery(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func duckdbQuery(args []string) error {
	if len(args) != 3 || args[0] != "-readonly" {
		return errors.New("usage: duckdb -readonly FILE QUERY")
	}
	db, err := sql.Open("duckdb", args[1]+"?access_mode=read_only")
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(args[2])
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return err
		}
		for _, v := range values {
			fmt.Print(*v.(*any), " ")
		}
		fmt.Println()
	}
	return rows.Err()
}
