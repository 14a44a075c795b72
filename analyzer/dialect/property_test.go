package dialect_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"pgregory.net/rapid"
)

// durationUnits are the keys that dialects read as durations, with the nanoseconds of their units.
var durationUnits = map[string]float64{
	"gen_ai.latency.time_to_first_token": 1e9, "gen_ai.latency.e2e": 1e9, "gen_ai.latency.time_in_queue": 1e9,
	"gen_ai.latency.time_in_model_prefill": 1e9, "gen_ai.latency.time_in_model_decode": 1e9,
	"gen_ai.latency.time_in_model_inference": 1e9, "gen_ai.response.time_to_first_chunk": 1e9,
	"gen_ai.response.time_to_first_token": 1e9, "gen_ai.server.time_to_first_token": 1e9, "ai.response.msToFirstChunk": 1e6, "ai.stream.msToFirstChunk": 1e6,
	"ttft_ms": 1e6, "llama.prompt_ms": 1e6, "llama.predicted_ms": 1e6,
	"ollama.total_duration_ns": 1, "ollama.load_duration_ns": 1, "ollama.prompt_eval_duration_ns": 1, "ollama.eval_duration_ns": 1,
	"langwatch.ollama.total_duration": 1e9, "langwatch.ollama.load_duration": 1e9,
	"langwatch.ollama.prompt_eval_duration": 1e9, "langwatch.ollama.eval_duration": 1e9,
	"llm.ollama.total_duration": 1, "llm.ollama.load_duration": 1, "llm.ollama.prompt_eval_duration": 1, "llm.ollama.eval_duration": 1,
}

// textValues are values that dialects tell apart, by key.
var textValues = map[string][]string{
	"slowtoken.phase":           {"queue", "decode", "tool", "unattributed", "nonsense"},
	"gen_ai.operation.name":     {"chat", "embeddings", "invoke_agent", "execute_tool", "other"},
	"gen_ai.request.model":      {"a", "b"},
	"gen_ai.request.id":         {"r1", "r2"},
	"langfuse.observation.type": {"GENERATION", "TOOL", "AGENT", "SPAN"},
	"openinference.span.kind":   {"LLM", "TOOL", "CHAIN", "EMBEDDING"},
	"llm.request.type":          {"chat", "completion"},
	"traceloop.span.kind":       {"tool", "workflow"},
	"ai.operationId":            {"ai.generateText", "ai.generateText.doGenerate", "ai.toolCall"},
	"error.type":                {"timeout", "cancelled"},
	"http.request.method":       {"POST"},
	"component":                 {"prefill", "backend", "router"},
	"phase":                     {"Prefill", "Decode", "Aggregated"},
	"gen_ai.system":             {"openai", "strands-agents"},
	"telemetry.sdk.name":        {"openlit", "opentelemetry"},
	"prompt_eval_duration":      {"00:00:00", "soon"},
	"module":                    {"sglang::request"},
	"bootstrap_room":            {"1", "2"},
}

var (
	spanNames   = []string{"http-request", "kv_router.route_request", "handle_payload", "handle_payload", "llm_request", "chat", "POST", "vllm_prefill", "vllm_queue", "ai.streamText", "work", "prefill Req 1", "decode Req 1", "prefill_forward", "decode_loop", "decode_loop", "infer", "infer", "generate"}
	scopeNames  = []string{"", "vllm.llm_engine", "trt.llm", "@openlit/openai"}
	eventNames  = []string{"First Token Stream Event", "llm.first_token", "gen_ai.content.completion.chunk", "gen_ai.content.chunk", "other"}
	randomTexts = []string{"", "1", "true", "2023-11-14T22:13:20.5Z", "gpu", "\xff"}
)

// randomKeys are all keys that dialects read.
var randomKeys = func() []string {
	list := []string{"unrelated"}
	for _, d := range dialect.All {
		list = append(list, d.Keys...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}()

// randomTrace draws the spans of one trace; times are whole milliseconds near the base.
func randomTrace(t *rapid.T) []analyzer.Span {
	resources := make([]*analyzer.Resource, 3)
	for i := range resources {
		resources[i] = &analyzer.Resource{Attributes: analyzer.Attributes{
			{Key: "host.name", Value: analyzer.String(fmt.Sprint("host", i))},
			{Key: "service.name", Value: analyzer.String(fmt.Sprint("service", i/2))},
		}}
	}
	n := rapid.IntRange(1, 14).Draw(t, "spans")
	spans := make([]analyzer.Span, n)
	for i := range spans {
		s := &spans[i]
		binary.BigEndian.PutUint64(s.ID[:], uint64(i+1))
		binary.BigEndian.PutUint64(s.TraceID[8:], 1)
		low, high := int64(0), int64(1000)
		if i > 0 {
			p := rapid.IntRange(-1, i-1).Draw(t, "parent")
			if p >= 0 {
				binary.BigEndian.PutUint64(s.Parent[:], uint64(p+1))
				low, high = (spans[p].Start-timelineBase)/1e6, (spans[p].End-timelineBase)/1e6
			}
		}
		slop := rapid.SampledFrom([]int64{0, 0, 0, 20}).Draw(t, "slop")
		start := rapid.Int64Range(low-slop, max(high, low)+slop).Draw(t, "start")
		end := rapid.Int64Range(start-min(slop, 1), max(high, start)+slop).Draw(t, "end")
		s.Start, s.End = timelineBase+start*1e6, timelineBase+end*1e6
		s.Name = rapid.SampledFrom(spanNames).Draw(t, "name")
		s.Kind = analyzer.SpanKind(rapid.IntRange(0, 5).Draw(t, "kind"))
		s.Status = analyzer.StatusCode(rapid.IntRange(0, 2).Draw(t, "status"))
		s.Scope = &analyzer.Scope{Name: rapid.SampledFrom(scopeNames).Draw(t, "scope")}
		s.Resource = rapid.SampledFrom(resources).Draw(t, "resource")
		s.DroppedEvents = uint32(rapid.IntRange(0, 1).Draw(t, "dropped"))
		if rapid.IntRange(0, 2).Draw(t, "call") == 0 {
			s.Attributes = append(s.Attributes, analyzer.Attribute{Key: "gen_ai.operation.name", Value: analyzer.String("chat")})
		}
		for range rapid.IntRange(0, 8).Draw(t, "attributes") {
			key := rapid.SampledFrom(randomKeys).Draw(t, "key")
			s.Attributes = append(s.Attributes, analyzer.Attribute{Key: key, Value: randomValue(t, key, end-start)})
		}
		for range rapid.IntRange(0, 4).Draw(t, "events") {
			at := rapid.Int64Range(start-2, end+2).Draw(t, "at")
			name := rapid.SampledFrom(eventNames).Draw(t, "event")
			s.Events = append(s.Events, analyzer.Event{Time: timelineBase + at*1e6, Name: name})
		}
	}
	return spans
}

func randomValue(t *rapid.T, key string, length int64) analyzer.Value {
	odd := rapid.IntRange(0, 9).Draw(t, "odd") == 0
	unit, isDuration := durationUnits[key]
	texts := textValues[key]
	switch {
	case odd:
		return rapid.SampledFrom([]analyzer.Value{
			{}, analyzer.Double(math.NaN()), analyzer.Double(math.Inf(1)), analyzer.Double(-1), analyzer.Int(math.MinInt64),
			analyzer.Double(1e300), analyzer.Bool(true), analyzer.String("x"), analyzer.Array(nil), analyzer.Bytes(nil),
		}).Draw(t, "value")
	case isDuration:
		ms := rapid.Int64Range(0, max(length, 0)+max(length, 0)/8).Draw(t, "ms")
		return analyzer.Double(float64(ms) * 1e6 / unit)
	case len(texts) > 0:
		return analyzer.String(rapid.SampledFrom(texts).Draw(t, "text"))
	case rapid.Bool().Draw(t, "number"):
		return analyzer.Int(rapid.Int64Range(0, 600).Draw(t, "n"))
	}
	return analyzer.String(rapid.SampledFrom(randomTexts).Draw(t, "text"))
}

func requestsOf(spans []analyzer.Span) ([]analyzer.Request, []analyzer.Turn) {
	return analyzer.Requests(analyzer.NewTrace(slices.Clone(spans)), dialect.All)
}

// checkRequests fails unless every ledger tiles its request and every request is a span of the trace, once.
func checkRequests(t *rapid.T) {
	spans := randomTrace(t)
	requests, turns := requestsOf(spans)
	seen := map[analyzer.SpanID]bool{}
	for i := range requests {
		r := &requests[i]
		if seen[r.SpanID] {
			t.Errorf("request %s comes twice", r.SpanID)
		}
		seen[r.SpanID] = true
		if r.End < r.Start || r.FirstToken != 0 && (r.FirstToken < r.Start || r.FirstToken > r.End) ||
			r.LastToken != 0 && (r.LastToken < r.FirstToken || r.LastToken > r.End) {
			t.Errorf("request %s: times out of order: %+v", r.SpanID, r)
		}
		checkTiled(t, r)
		checkChunks(t, r)
		for name := range r.Warnings {
			if !slices.ContainsFunc(analyzer.RequestWarnings, func(w analyzer.WarningMeaning) bool { return w.Name == name }) {
				t.Errorf("request %s: warning %q has no meaning", r.SpanID, name)
			}
		}
		for _, p := range r.E2ELedger.Parts {
			if p.Covers != 0 && p.Phase != analyzer.Unattributed && p.Phase != analyzer.Decode {
				t.Errorf("request %s: %+v claims one of several phases", r.SpanID, p)
			}
		}
	}
	inTurns := map[analyzer.SpanID]bool{}
	for _, turn := range turns {
		if seen[turn.SpanID] {
			t.Errorf("turn %s is a request", turn.SpanID)
		}
		var total int64
		for _, ns := range turn.Ledger.ByPhase() {
			total += ns
		}
		if total != turn.End-turn.Start || turn.Ledger.Total() != total {
			t.Errorf("turn %s: ledger of %d ns for %d", turn.SpanID, total, turn.End-turn.Start)
		}
		for _, id := range turn.Requests {
			if inTurns[id] || !seen[id] {
				t.Errorf("turn %s: %s is no request or in two turns", turn.SpanID, id)
			}
			inTurns[id] = true
		}
	}
}

// checkChunks fails unless the chunks come one after the other inside their request, and the gaps between them add up to
// the time from the first to the last.
func checkChunks(t *rapid.T, r *analyzer.Request) {
	if len(r.Chunks) == 0 {
		return
	}
	first, last := r.Chunks[0], r.Chunks[len(r.Chunks)-1]
	if first < r.Start || last > r.End || !slices.IsSorted(r.Chunks) {
		t.Errorf("request %s: chunks %v outside of [%d, %d] or out of order", r.SpanID, r.Chunks, r.Start, r.End)
	}
	var sum int64
	for _, gap := range r.ICL() {
		sum += gap
	}
	if len(r.Chunks) > 1 && r.Sequences <= 1 && sum != last-first {
		t.Errorf("request %s: gaps of %d ns in %d ns", r.SpanID, sum, last-first)
	}
}

func TestLedgerSumsToRequest(t *testing.T) { rapid.Check(t, checkRequests) }

// FuzzRequests draws traces from the fuzzer's bytes.
func FuzzRequests(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for range 20 {
		seed := make([]byte, 8192)
		random.Read(seed)
		f.Add(seed)
	}
	f.Fuzz(rapid.MakeFuzz(checkRequests))
}

func TestInputOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := randomTrace(t)
		requests, turns := requestsOf(spans)
		shuffled := slices.Clone(spans)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)).Shuffle(len(spans), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		again, turnsAgain := requestsOf(shuffled)
		if diff := cmp.Diff(requests, again) + cmp.Diff(turns, turnsAgain); diff != "" {
			t.Errorf("(-first +shuffled):\n%s", diff)
		}
	})
}

// moved returns spans with every time t as base + (t - timelineBase) * factor, and their durations scaled alike.
func moved(spans []analyzer.Span, base, factor int64) []analyzer.Span {
	at := func(t *int64) {
		if *t != 0 {
			*t = base + (*t-timelineBase)*factor
		}
	}
	out := slices.Clone(spans)
	for i := range out {
		s := &out[i]
		at(&s.Start)
		at(&s.End)
		s.Events = slices.Clone(s.Events)
		for k := range s.Events {
			at(&s.Events[k].Time)
		}
		s.Attributes = slices.Clone(s.Attributes)
		for k, a := range s.Attributes {
			if f, ok := a.Value.AsDouble(); ok && durationUnits[a.Key] > 0 {
				s.Attributes[k].Value = analyzer.Double(f * float64(factor))
			}
		}
	}
	return out
}

// movedResult moves what Requests found, as moved moves spans.
func movedResult(requests []analyzer.Request, turns []analyzer.Turn, base, factor int64) {
	at := func(t *int64) {
		if *t != 0 {
			*t = base + (*t-timelineBase)*factor
		}
	}
	ledger := func(l analyzer.Ledger) {
		for k := range l.Parts {
			at(&l.Parts[k].Start)
			at(&l.Parts[k].End)
		}
	}
	for i := range requests {
		r := &requests[i]
		for _, t := range []*int64{&r.Start, &r.End, &r.Entered, &r.FirstToken, &r.LastToken} {
			at(t)
		}
		for k := range r.Chunks {
			at(&r.Chunks[k])
		}
		ledger(r.TTFTLedger)
		ledger(r.E2ELedger)
	}
	for i := range turns {
		at(&turns[i].Start)
		at(&turns[i].End)
		ledger(turns[i].Ledger)
	}
}

func TestShiftAndScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := randomTrace(t)
		for i := range spans { // a wall-clock time in text does not move along
			spans[i].Attributes = slices.DeleteFunc(spans[i].Attributes, func(a analyzer.Attribute) bool {
				return strings.HasSuffix(a.Key, "completion_start_time")
			})
		}
		base := timelineBase + rapid.Int64Range(-1e15, 1e15).Draw(t, "shift")
		factor := rapid.SampledFrom([]int64{1, 2, 8}).Draw(t, "factor")
		want, wantTurns := requestsOf(spans)
		movedResult(want, wantTurns, base, factor)
		got, gotTurns := requestsOf(moved(spans, base, factor))
		if diff := cmp.Diff(want, got) + cmp.Diff(wantTurns, gotTurns); diff != "" {
			t.Errorf("(-moved result +result of moved):\n%s", diff)
		}
	})
}

// A span that takes k ns longer, and delays all that follows by k, adds k to its phase and nothing to the others.
func TestLongerLeafAddsToItsPhase(t *testing.T) {
	phases := []string{"queue", "tokenize", "prefill", "decode", "model_load", ""}
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) phaseStep {
			return phaseStep{
				rapid.SampledFrom(phases).Draw(t, "phase"), rapid.Int64Range(1, 1e9).Draw(t, "ns"), rapid.Int64Range(0, 1e6).Draw(t, "gap"),
			}
		}), 1, 12).Draw(t, "steps")
		client := rapid.Bool().Draw(t, "client")
		longer := rapid.IntRange(0, len(steps)-1).Draw(t, "longer")
		k := rapid.Int64Range(1, 1e9).Draw(t, "k")
		before := stepLedger(t, steps, client)
		steps[longer].ns += k
		after := stepLedger(t, steps, client)
		phase, err := analyzer.ParsePhase(steps[longer].phase)
		if err != nil {
			phase = analyzer.Unattributed
		}
		before[phase] += k
		if before != after {
			t.Errorf("%s took %d ns longer: want %v, got %v", phase, k, before, after)
		}
	})
}

type phaseStep struct {
	phase   string
	ns, gap int64
}

// stepLedger returns the phases of one call with a span for each step.
func stepLedger(t *rapid.T, steps []phaseStep, client bool) [analyzer.NumPhases]int64 {
	at := int64(timelineBase)
	engine := analyzer.Span{ID: spanID("engine"), Name: "llm_request", Kind: analyzer.SpanKindServer, Start: at}
	engine.Attributes = analyzer.Attributes{{Key: "gen_ai.operation.name", Value: analyzer.String("chat")}}
	spans := []analyzer.Span{}
	for i, step := range steps {
		at += step.gap
		s := analyzer.Span{ID: spanID(fmt.Sprint("step", i)), Parent: engine.ID, Start: at, End: at + step.ns}
		if step.phase != "" {
			s.Attributes = analyzer.Attributes{{Key: "slowtoken.phase", Value: analyzer.String(step.phase)}}
		}
		at += step.ns
		spans = append(spans, s)
	}
	engine.End = at
	if client {
		engine.Parent = spanID("client")
		spans = append(spans, analyzer.Span{
			ID: engine.Parent, Kind: analyzer.SpanKindClient, Start: timelineBase - 500, End: at + 700,
			Attributes: engine.Attributes,
		})
	}
	for i := range spans {
		binary.BigEndian.PutUint64(spans[i].TraceID[8:], 1)
	}
	engine.TraceID = spans[0].TraceID
	requests, _ := requestsOf(append(spans, engine))
	if len(requests) != 1 {
		t.Fatalf("%d requests, want 1", len(requests))
	}
	checkTiled(t, &requests[0])
	return requests[0].E2ELedger.ByPhase()
}
