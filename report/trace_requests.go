package report

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A RequestView is one inference call of a trace. What is null was not stated, which is not zero.
type RequestView struct {
	ID         string     `json:"id"` // of the span of its extent
	Extent     ExtentView `json:"extent"`
	ServerSpan string     `json:"server_span"` // id of the engine's own span, which may be the same
	Dialect    string     `json:"dialect"`
	Verified   bool       `json:"dialect_verified"` // tested against recordings of the real stack
	Service    string     `json:"service"`
	Instance   string     `json:"instance"`
	Model      string     `json:"model"`
	Operation  string     `json:"operation"`
	Streaming  *bool      `json:"streaming"`
	Outcome    string     `json:"outcome"`
	ErrorType  string     `json:"error_type,omitempty"`
	Attempts   int        `json:"attempts"`
	FirstToken *int64     `json:"first_token_ns"` // nanoseconds since the Unix epoch
	LastToken  *int64     `json:"last_token_ns"`

	Tokens   TokenView         `json:"tokens"`
	Measures MeasureView       `json:"measures"`
	Warnings analyzer.Warnings `json:"warnings"`
	TTFT     LedgerView        `json:"ttft_ledger"` // up to the first token; empty while that is unknown
	E2E      LedgerView        `json:"e2e_ledger"`  // up to the end

	// The spans of the extent and of the engine, as a person names them.
	Where, ServerWhere string `json:"-"`
}

// An ExtentView bounds a request or a turn, in nanoseconds since the Unix epoch.
type ExtentView struct {
	Start int64 `json:"start_ns"`
	End   int64 `json:"end_ns"`
}

// A TokenView counts tokens, and the answers asked for at once.
type TokenView struct {
	Input     *int64 `json:"input"`
	Output    *int64 `json:"output"`
	Cached    *int64 `json:"cached"`
	Reasoning *int64 `json:"reasoning"`
	Sequences *int64 `json:"sequences"`
}

// A MeasureView is the latency measures of one request, in nanoseconds; null while undefined.
type MeasureView struct {
	TTFT  *int64   `json:"ttft_ns"`
	TPOT  *float64 `json:"tpot_ns"`  // for each token after the first
	NTPOT *float64 `json:"ntpot_ns"` // E2E for each token
	E2E   int64    `json:"e2e_ns"`
	TTFO  *int64   `json:"ttfo_ns"` // to the first token that is not reasoning

	Chunks *ChunkView `json:"chunks"` // null while their times are unknown
}

// A ChunkView is what the times of a request's chunks of output come to; null where there is no gap between chunks of one
// answer.
type ChunkView struct {
	Count   int    `json:"count"`
	ICL50   *int64 `json:"icl_p50_ns"`
	ICLMax  *int64 `json:"icl_max_ns"`
	Stalls  *int   `json:"stalls"`    // gaps over max(5 x p50, 100 ms)
	OneEach bool   `json:"one_token"` // each chunk is known to be one token
}

func chunkView(r *analyzer.Request) *ChunkView {
	if r.Chunks == nil {
		return nil
	}
	v := &ChunkView{Count: len(r.Chunks), OneEach: r.ITL() != nil}
	if icl := r.ICL(); icl != nil {
		gaps := analyzer.SumUp(icl)
		v.ICL50, v.ICLMax, v.Stalls = &gaps.Median, &gaps.Max, &gaps.Stalls
	}
	return v
}

// A LedgerView is parts that tile a stretch of time; JSON shows the parts.
type LedgerView struct {
	Parts []PartView
	// Lines sum the parts that mean the same, in the order in which they first come; they add up to Total exactly.
	Lines []LedgerLine
	Total int64 // nanoseconds
}

// MarshalJSON writes the parts.
func (l LedgerView) MarshalJSON() ([]byte, error) { return json.Marshal(l.Parts) }

// A LedgerLine is all parts of a ledger that mean the same.
type LedgerLine struct {
	Phase  analyzer.Phase
	Detail string
	Covers []analyzer.Phase
	Source analyzer.Source
	NS     int64
	Share  float64 // of the ledger
	Parts  int     // how many
}

// A TurnView is an agent's or a chain's answer, with the requests that it took.
type TurnView struct {
	ID       string     `json:"id"`
	Extent   ExtentView `json:"extent"`
	Service  string     `json:"service"`
	Name     string     `json:"name"`
	Requests []string   `json:"requests"`
	Ledger   LedgerView `json:"ledger"`
}

func requestViews(t *analyzer.Trace, requests []analyzer.Request, dialects []analyzer.Dialect) []RequestView {
	list := make([]RequestView, len(requests))
	if len(requests) == 0 {
		return list
	}
	spans := spansByID(t)
	for i := range requests {
		r := &requests[i]
		v := RequestView{
			ID: r.SpanID.String(), Extent: ExtentView{r.Start, r.End}, ServerSpan: r.ServerSpan.String(),
			Dialect: r.Dialect, Service: r.Service, Instance: r.Instance, Model: r.Model, Operation: r.Operation,
			Outcome: r.Outcome.String(), ErrorType: r.ErrorType, Attempts: r.Attempts,
			Tokens: TokenView{
				Input: known(r.InputTokens), Output: known(r.OutputTokens), Cached: known(r.CachedTokens),
				Reasoning: known(r.ReasoningTokens), Sequences: known(r.Sequences),
			},
			Measures: MeasureView{E2E: r.E2E(), Chunks: chunkView(r)},
			Warnings: notNil(maps.Clone(r.Warnings)),
			TTFT:     ledgerView(r.TTFTLedger), E2E: ledgerView(r.E2ELedger),
			Where: where(spans[r.SpanID]), ServerWhere: where(spans[r.ServerSpan]),
		}
		at := slices.IndexFunc(dialects, func(d analyzer.Dialect) bool { return d.Name == r.Dialect })
		v.Verified = at >= 0 && dialects[at].Verified
		if r.Streaming != analyzer.Unknown {
			streaming := r.Streaming == analyzer.Yes
			v.Streaming = &streaming
		}
		if r.FirstToken != 0 {
			v.FirstToken = &r.FirstToken
		}
		if r.LastToken != 0 {
			v.LastToken = &r.LastToken
		}
		if ns, ok := r.TTFT(); ok {
			v.Measures.TTFT = &ns
		}
		if ns, ok := r.TPOT(); ok {
			v.Measures.TPOT = &ns
		}
		if ns, ok := r.NTPOT(); ok {
			v.Measures.NTPOT = &ns
		}
		if ns, ok := r.TTFO(); ok {
			v.Measures.TTFO = &ns
		}
		list[i] = v
	}
	return list
}

func turnViews(t *analyzer.Trace, turns []analyzer.Turn) []TurnView {
	list := make([]TurnView, len(turns))
	if len(turns) == 0 {
		return list
	}
	spans := spansByID(t)
	for i := range turns {
		u := &turns[i]
		list[i] = TurnView{
			ID: u.SpanID.String(), Extent: ExtentView{u.Start, u.End}, Ledger: ledgerView(u.Ledger), Requests: []string{},
		}
		if s := spans[u.SpanID]; s != nil {
			list[i].Service, list[i].Name = s.Service(), s.Name
		}
		for _, id := range u.Requests {
			list[i].Requests = append(list[i].Requests, id.String())
		}
	}
	return list
}

// spansByID returns the first span of each id.
func spansByID(t *analyzer.Trace) map[analyzer.SpanID]*analyzer.Span {
	spans := make(map[analyzer.SpanID]*analyzer.Span, len(t.Spans))
	for i := range t.Spans {
		if id := t.Spans[i].ID; spans[id] == nil {
			spans[id] = &t.Spans[i]
		}
	}
	return spans
}

// where names a span as "service: name".
func where(s *analyzer.Span) string {
	if s == nil {
		return ""
	}
	if service := s.Service(); service != "" {
		return service + ": " + s.Name
	}
	return s.Name
}

func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func ledgerView(l analyzer.Ledger) LedgerView {
	type meaning struct {
		phase  analyzer.Phase
		detail string
		covers analyzer.PhaseSet
		source analyzer.Source
	}
	v := LedgerView{Parts: partViews(l.Parts), Total: l.Total()}
	places := map[meaning]int{}
	for i, p := range l.Parts {
		m := meaning{p.Phase, p.Detail, p.Covers, p.Source}
		at, met := places[m]
		if !met {
			at = len(v.Lines)
			places[m] = at
			v.Lines = append(v.Lines, LedgerLine{Phase: p.Phase, Detail: p.Detail, Covers: v.Parts[i].Covers, Source: p.Source})
		}
		v.Lines[at].NS += p.End - p.Start
		v.Lines[at].Parts++
	}
	for i := range v.Lines {
		v.Lines[i].Share = share(v.Lines[i].NS, v.Total)
	}
	return v
}
