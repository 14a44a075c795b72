package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// The verdicts of queueing as rules spell them.
const (
	verdictCalm    = "calm"
	verdictLoad    = "load"
	verdictHold    = "hold"
	verdictUnsure  = "hold_or_sampling"
	verdictNotFIFO = "not_fifo"
	verdictBusy    = "busy"
)

// measureQueue fills in how requests wait. What the replay says holds for all of the domain's time.
func (v *view) measureQueue() {
	m, q := v.m, &v.domain.Queueing
	known, waits := 0, 0
	for _, r := range v.latency {
		for _, t := range r.Phases() {
			if t.Covers == 0 && (t.Phase == analyzer.Queue || t.Phase == analyzer.Prefill) {
				known++
				break
			}
		}
		if phaseTime(r, analyzer.Queue, population.PathE2E) > longWait {
			waits++
		}
	}
	if known > 0 {
		m["waits"], m["waited_share"] = number(float64(waits), known), share(waits, known)
	}
	why := ""
	if len(q.Abstained) > 0 {
		why = q.Abstained[0].Why
	}
	verdicts := map[string]string{
		population.QueueCalm: verdictCalm, population.QueueLoad: verdictLoad, population.QueueHeld: verdictHold,
		population.QueueHeldOrSample: verdictUnsure, population.QueueNotFIFO: verdictNotFIFO,
		population.QueueBusy: verdictBusy,
	}
	for _, name := range []string{"queue_verdict", "wait_ratio", "utilisation", "slots", "slots_kind", "hold_attribute"} {
		m[name] = unknown(why)
	}
	if verdict := verdicts[q.Verdict]; verdict != "" {
		m["queue_verdict"] = text(verdict)
	}
	if q.Slots > 0 {
		m["slots"], m["slots_kind"] = number(float64(q.Slots), q.Waits), text(q.Binding)
		m["wait_ratio"] = number(q.Ratio, q.Waits)
	}
	if q.Verdict == population.QueueHeld {
		m["hold_attribute"] = text(q.HeldBy)
		if q.Slots == 0 { // load explains no wait while there is room
			var room float64
			if q.Passing.Held() {
				room = q.Passing.Room
			}
			if q.Rounds.Held() {
				room = max(room, q.Rounds.Room)
			}
			m["wait_ratio"] = number(1-room, q.Waits)
		}
	}
	if p := q.Passing; p != nil {
		m["passed_share"], m["room_wait_share"] = share(p.Passed, p.Followed), number(p.Room, q.Waits)
		if p.Passed > 0 {
			m["passed_wait"] = span(p.Median, p.Passed)
		}
	} else if q.Requests > 0 && v.domain.Domain.SlotsKnown() { // nobody came while another waited
		m["passed_share"], m["room_wait_share"] = number(0, q.Waits), number(0, q.Waits)
	}
	if r := q.Rounds; r != nil {
		m["round_wait_share"], m["round_whole_share"], m["round_length"] = number(r.Room, q.Waits), number(r.Whole, q.Waits), span(r.Median, r.Count)
		m["in_rounds"] = truth(r.Held() && !q.Passing.Held()) // with those, single requests wait
		m["round_leaving"], m["round_beside"] = number(r.Leaving, r.Count), number(r.Beside, r.Count)
	} else if q.Requests > 0 && v.domain.Domain.SlotsKnown() {
		for _, name := range []string{"round_wait_share", "round_whole_share", "round_leaving", "round_beside"} {
			m[name] = number(0, q.Waits)
		}
		m["in_rounds"] = truth(false)
	}
	if q.Utilisation > 0 {
		m["utilisation"] = number(q.Utilisation, q.Requests)
	}
	for i := range q.Plateaus {
		p := &q.Plateaus[i]
		if p.Stage == population.StagePrefill {
			m["prefill_slots"] = number(float64(p.Count), q.Waits)
		}
		if p.Stage == q.Binding {
			m["plateau_share"] = number(p.Share, q.Waits)
		}
	}
	if s := q.Static; s != nil {
		m["wait_mode"], m["wait_mode_share"] = span(s.Wait, q.Waits), number(s.AtWait, q.Waits)
		m["batch_end_share"] = number(s.Together*s.EndAlike, q.Requests)
		m["idle_wait_share"], m["lockstep_share"] = number(s.Idle, q.Waits), number(s.Lockstep, q.Requests)
	} else if q.Requests > 0 {
		m["wait_mode_share"], m["batch_end_share"], m["lockstep_share"] = number(0, q.Waits), number(0, q.Requests), number(0, q.Requests)
	}
	if h := q.HeadOfLine; h != nil {
		m["hol_correlation"], m["service_cv2"] = number(h.Work, q.Requests), number(h.ServiceCV2, q.Requests)
		m["hol_number_correlation"], m["hol_behind_share"] = number(h.Number, q.Requests), number(h.Behind, q.Waits)
	}
}

// measureSizes fills in how service follows from sizes; they hold for all of the domain's time.
func (v *view) measureSizes() {
	m, s := v.m, &v.domain.Sizes
	if p := s.Prefill; p != nil {
		m["prefill_slope"] = span(p.Slope.Value, p.N).within(p.Slope.Low, p.Slope.High)
		if p.Slope.Low > 0 {
			m["prefill_rate"] = number(1e9/p.Slope.Value, p.N).within(1e9/p.Slope.High, 1e9/p.Slope.Low)
			m["prefill_intercept_tokens"] = number(p.Intercept.Value/p.Slope.Value, p.N)
		}
		m["cached_prefix_tokens"] = number(0, p.N)
		if c := s.CachedTokens; c != nil {
			m["cached_prefix_tokens"] = number(c.Value, p.N).within(c.Low, c.High)
		}
	}
	if s.TPOT.Value > 0 {
		m["uncontended_tpot"] = span(s.TPOT.Value, s.TPOTN).within(s.TPOT.Low, s.TPOT.High)
	}
	if s.R != nil {
		m["tokens_per_step"] = number(s.R.Value, s.TPOTN).within(s.R.Low, s.R.High)
	} else if len(s.Abstained) > 0 {
		m["tokens_per_step"] = unknown(s.Abstained[0].Why)
	}
	var x, prefill []float64
	for _, r := range v.latency {
		if r.InputTokens <= 0 {
			continue
		}
		tokens := float64(r.InputTokens - max(0, r.CachedTokens))
		if ns := phaseTime(r, analyzer.Prefill, population.PathE2E); ns > 0 {
			x, prefill = append(x, tokens), append(prefill, float64(ns))
		}
	}
	if _, _, r2, ok := line(x, prefill); ok {
		m["prefill_r2"] = number(r2, len(x))
	}
	v.measureTokenizing()
	v.measureTokenizeGrowth()
}

// minLine is how many points a line needs.
const minLine = 20

// line fits y on x by least squares: the slope with half of its 95 % interval, and how much of y's variance it explains.
func line(x, y []float64) (slope, half, r2 float64, ok bool) {
	if len(x) < minLine {
		return 0, 0, 0, false
	}
	mx, my := meanOf(x), meanOf(y)
	var sxx, sxy, syy float64
	for i := range x {
		sxx, sxy, syy = sxx+(x[i]-mx)*(x[i]-mx), sxy+(x[i]-mx)*(y[i]-my), syy+(y[i]-my)*(y[i]-my)
	}
	if sxx == 0 || syy == 0 {
		return 0, 0, 0, false
	}
	slope, r2 = sxy/sxx, sxy*sxy/(sxx*syy)
	return slope, 2 * math.Sqrt(max(0, 1-r2)*syy/float64(len(x)-2)/sxx), r2, true
}

// measureTokenizeGrowth compares the frontend time of requests that start among many others with that of those that
// start among few.
func (v *view) measureTokenizeGrowth() {
	var list []*population.Record
	for _, r := range v.latency {
		if phaseTime(r, analyzer.Frontend, population.PathTTFT)+phaseTime(r, analyzer.Tokenize, population.PathTTFT) > 0 {
			list = append(list, r)
		}
	}
	if len(list) < 4*minLine {
		return
	}
	ends := make([]int64, len(v.members))
	for i, r := range v.members {
		ends[i] = r.End
	}
	slices.Sort(ends)
	among := func(r *population.Record) float64 {
		started, _ := slices.BinarySearchFunc(v.members, r.Start, func(r *population.Record, t int64) int { return cmp.Compare(r.Start, t) })
		ended, _ := slices.BinarySearch(ends, r.Start)
		return float64(started - ended)
	}
	few, many := quartiles(list, among)
	front := func(list []*population.Record) (mean float64) {
		for _, r := range list {
			mean += float64(phaseTime(r, analyzer.Frontend, population.PathTTFT)+phaseTime(r, analyzer.Tokenize, population.PathTTFT)) / float64(len(list))
		}
		return mean
	}
	if least := front(few); least > 0 {
		v.m["tokenize_growth"] = number(front(many)/least, len(few)+len(many))
	}
}
