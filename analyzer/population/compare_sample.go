package population

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Sample is what a comparison needs of a population: some figures of each request, and which of them were there
// together, since those are not independent of each other. It is small enough to be saved with a report.
type Sample struct {
	Of    int      // requests of the window; those of the sample are every k-th of them by start
	Since int64    // first start, in nanoseconds since the Unix epoch
	Until int64    // last end
	Names []string // of models; [SampledRequest.Model] counts from 0
	// Stretches are the phases of [SampledRequest.Phases], in report order.
	Stretches []Stretch
	Blocks    int // how many blocks there are: see [Block]
	Requests  []SampledRequest
}

// A Stretch is a phase of one path.
type Stretch struct {
	Phase  analyzer.Phase
	Covers analyzer.PhaseSet // as in [analyzer.Part]
	Path   Path
}

// Name spells the phase; several that telemetry cannot separate are joined.
func (s Stretch) Name() string {
	if s.Covers == 0 {
		return s.Phase.String()
	}
	var names []string
	for _, p := range s.Covers.Phases() {
		names = append(names, p.String())
	}
	return strings.Join(names, "+")
}

// A SampledRequest is a request in a sample. Times are nanoseconds; -1 stands for unknown.
type SampledRequest struct {
	Start                 int64 // after Sample.Since
	TTFT, TPOT, ITL, E2E  int64 // ITL is the longest of the request
	Input, Output, Cached int64 // tokens
	Model                 int64
	Block                 int64
	Failed                int64   // 1 for failed and cancelled requests, of which no time counts
	Phases                []int64 // by Sample.Stretches
}

// Sample takes at most that many of p's requests, of a window that ends at until (zero for open). Those that were running at
// its end, or of which only one leg is there, are left out.
func (p *Population) Sample(most int, until int64) *Sample {
	blockOf, blocks := p.sampleBlocks(until)
	var kept []int32
	for i := range p.Records {
		r := &p.Records[i]
		if !r.Running(until) && r.Leg == analyzer.LegNone {
			kept = append(kept, int32(i))
		}
	}
	s := &Sample{Of: len(kept), Blocks: blocks}
	if len(kept) == 0 {
		return s
	}
	s.Since = p.Records[kept[0]].Start
	every := (len(kept) + most - 1) / most
	at, models := map[Stretch]int{}, map[string]int64{}
	for k, index := range kept {
		r := &p.Records[index]
		s.Until = max(s.Until, r.End)
		if k%every == 0 {
			s.add(p, r, int64(blockOf[index]), at, models)
		}
	}
	for i := range s.Requests { // phases that came up later are 0 in earlier requests
		r := &s.Requests[i]
		r.Phases = append(r.Phases, make([]int64, len(s.Stretches)-len(r.Phases))...)
	}
	s.order()
	return s
}

func (s *Sample) add(p *Population, r *Record, block int64, at map[Stretch]int, models map[string]int64) {
	name := p.Text(r.Model)
	if _, ok := models[name]; !ok {
		models[name] = int64(len(s.Names))
		s.Names = append(s.Names, name)
	}
	q := SampledRequest{
		Start: r.Start - s.Since, TTFT: -1, TPOT: -1, ITL: -1, E2E: -1,
		Input: r.InputTokens, Output: r.OutputTokens, Cached: r.CachedTokens, Model: models[name], Block: block,
	}
	if r.Outcome != analyzer.Succeeded {
		q.Failed = 1
		s.Requests = append(s.Requests, q)
		return
	}
	q.E2E = r.E2E()
	if ns, ok := r.TTFT(); ok {
		q.TTFT = ns
	}
	if ns, ok := r.TPOT(); ok {
		q.TPOT = int64(math.Round(ns))
	}
	if gaps := r.ITL(); len(gaps) > 0 {
		q.ITL = 1000 * int64(slices.Max(gaps))
	}
	q.Phases = make([]int64, len(s.Stretches), len(s.Stretches)+4)
	for _, pt := range r.Phases() {
		for _, path := range []Path{PathTTFT, PathE2E} {
			key := Stretch{pt.Phase, pt.Covers, path}
			i, ok := at[key]
			if !ok {
				i = len(s.Stretches)
				at[key] = i
				s.Stretches, q.Phases = append(s.Stretches, key), append(q.Phases, 0)
			}
			q.Phases[i] += pt.On(path)
		}
	}
	s.Requests = append(s.Requests, q)
}

// order puts the stretches in report order.
func (s *Sample) order() {
	places := make([]int, len(s.Stretches))
	for i := range places {
		places[i] = i
	}
	rank := func(i int) (Path, int, analyzer.PhaseSet) {
		st := s.Stretches[i]
		return st.Path, slices.Index(analyzer.Phases[:], st.Phase), st.Covers
	}
	slices.SortFunc(places, func(a, b int) int {
		pathA, phaseA, coversA := rank(a)
		pathB, phaseB, coversB := rank(b)
		return cmp.Or(cmp.Compare(pathA, pathB), cmp.Compare(phaseA, phaseB), cmp.Compare(coversA, coversB))
	})
	ordered := make([]Stretch, len(places))
	for to, from := range places {
		ordered[to] = s.Stretches[from]
	}
	s.Stretches = ordered
	for i := range s.Requests {
		r := &s.Requests[i]
		phases := make([]int64, len(places))
		for to, from := range places {
			if r.Failed == 0 {
				phases[to] = r.Phases[from]
			}
		}
		r.Phases = phases
	}
}

// sampleBlocks returns the block of every record, each domain's requests taken as one regime: a comparison is of whole
// windows.
func (p *Population) sampleBlocks(until int64) (of []int32, blocks int) {
	of = make([]int32, len(p.Records))
	for _, members := range p.byInstance() {
		whole := &RegimeStudy{Since: p.Records[members[0]].Start, Members: members, Latency: members}
		var e2e []int64
		for _, m := range members {
			r := &p.Records[m]
			whole.Until = max(whole.Until, r.End)
			if r.Latent(until) {
				e2e = append(e2e, r.E2E())
			}
		}
		if len(e2e) > 0 {
			slices.Sort(e2e)
			whole.P95 = e2e[NearestRank(len(e2e), 0.95)]
		}
		for _, b := range p.blocks(whole, p.busy(members, nil)) {
			for _, m := range b.Members {
				of[m] = int32(blocks)
			}
			blocks++
		}
	}
	return of, blocks
}

// byInstance returns the records of each engine process, by start, in the order of the processes' names.
func (p *Population) byInstance() [][]int32 {
	members := map[string][]int32{}
	for i := range p.Records {
		name := p.Text(p.Records[i].Instance)
		members[name] = append(members[name], int32(i))
	}
	list := make([][]int32, 0, len(members))
	for _, m := range members {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b []int32) int {
		return cmp.Compare(p.Text(p.Records[a[0]].Instance), p.Text(p.Records[b[0]].Instance))
	})
	return list
}

// A Column is numbers as text, with spaces between, which is a fraction of the size of a JSON array that is indented.
type Column []int64

// MarshalText writes the numbers.
func (c Column) MarshalText() ([]byte, error) {
	var b []byte
	for i, x := range c {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, x, 10)
	}
	return b, nil
}

// UnmarshalText reads what MarshalText wrote.
func (c *Column) UnmarshalText(text []byte) error {
	*c = Column{}
	for word := range strings.FieldsSeq(string(text)) {
		x, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return fmt.Errorf("column of numbers: %w", err)
		}
		*c = append(*c, x)
	}
	return nil
}
