package ollama

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const someLog = `2026/11/23 starting
time=2026-11-23T11:49:16.366Z level=INFO source=runner.go:895 msg=load request="{Operation:commit LoraPath:[] Parallel:1 GPULayers:13[ID:GPU-1 Layers:13(0..12)] MainGPU:0}"
time=2026-11-23T11:49:16.622Z level=INFO source=server.go:1388 msg="llama runner started in 0.28 seconds"
time=2026-11-23T11:49:16.622Z level=DEBUG source=server.go:1536 msg="completion request" images=0 prompt=21 format=""
time=2026-11-23T12:49:16.623+01:00 level=DEBUG source=cache.go:104 msg="loading cache slot" id=0 cache=0 prompt=12 used=2 remaining=10
time=2026-11-23T11:49:16.623Z level=DEBUG source=cache.go:104 msg="loading cache slot" id=0 cache=0 prompt=-1 used=2 remaining=10
time=yesterday level=DEBUG source=cache.go:104 msg="loading cache slot" id=0 cache=0 prompt=12 used=2 remaining=10
[GIN] 2026/11/23 - 11:49:16 | 200 | 342ms | 127.0.0.1 | POST "/api/generate"
`

func TestReadLog(t *testing.T) {
	list, err := ReadLog(strings.NewReader(someLog))
	if err != nil {
		t.Fatal(err)
	}
	at := func(ms int) int64 { return time.Date(2026, 11, 23, 11, 49, 16, ms*1e6, time.UTC).UnixNano() }
	want := []LogEvent{
		{Time: at(366), Kind: AtWeights, OnGPU: true}, {Time: at(622), Kind: AtLoaded},
		{Time: at(622), Kind: AtRequest, Prompt: 21}, {Time: at(623), Kind: AtSlot, Prompt: 12, Remaining: 10},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

// Weights were copied to a GPU between the moments that the log tells, if they were at all, and only then.
func TestWeightsToGPU(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	onCPU := strings.ReplaceAll(someLog, "GPULayers:13[ID:GPU-1 Layers:13(0..12)]", "GPULayers:[]")
	base := time.Date(2026, 11, 23, 11, 49, 16, 0, time.UTC).UnixNano()
	for _, test := range []struct {
		log      string
		from, to int64 // ms
		ok       bool
	}{{someLog, 300, 700, true}, {someLog, 400, 700, false}, {someLog, 300, 500, false}, {onCPU, 300, 700, false}} {
		if err := os.WriteFile(path, []byte(test.log), 0o600); err != nil {
			t.Fatal(err)
		}
		start, end, ok := (&Server{log: path}).Weights(base+test.from*1e6, base+test.to*1e6)
		if ok != test.ok || ok && (start != base+366e6 || end != base+622e6) {
			t.Errorf("%+v: %d %d %v", test, start-base, end-base, ok)
		}
	}
	if _, _, ok := (&Server{log: path + "2"}).Weights(0, 1); ok {
		t.Error("a log that is not there tells of weights")
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add(someLog)
	f.Add("time=2026-11-23T11:49:16Z msg=\"completion request\" prompt=")
	f.Fuzz(func(t *testing.T, log string) {
		list, err := ReadLog(strings.NewReader(log))
		if err != nil && len(log) < 16<<20 {
			t.Errorf("%v", err)
		}
		if len(list) > strings.Count(log, "time=") {
			t.Errorf("%d events from %d lines", len(list), strings.Count(log, "\n")+1)
		}
	})
}
