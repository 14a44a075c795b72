package rules

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// measureLoad fills in who asks, how often, and with what outcome.
func (v *view) measureLoad() {
	m, n := v.m, len(v.members)
	m["stack"] = text(v.stack())
	m["requests"], m["succeeded"] = number(float64(n), n), number(float64(len(v.latency)), n)
	seconds := float64(v.until-v.since) / 1e9
	m["window"] = span(v.until-v.since, n)
	if n == 0 || seconds <= 0 {
		return
	}
	m["arrival_rate"] = number(float64(n)/seconds, n)
	gaps := make([]float64, 0, n)
	for i := 1; i < n; i++ {
		gaps = append(gaps, float64(v.members[i].Start-v.members[i-1].Start))
	}
	if mean, cv2 := meanCV2(gaps); mean > 0 {
		m["arrival_cv2"] = number(cv2, n)
	}
	failed, retried, streamed, said := 0, 0, 0, 0
	var failures []float64
	inFlight := 0.0
	for _, r := range v.members {
		inFlight += float64(r.E2E())
		if r.Outcome == analyzer.Failed {
			failed++
			failures = append(failures, float64(r.E2E()))
		}
		if ns := phaseTime(r, analyzer.Retry, population.PathE2E); r.Retried || ns > 0 {
			retried++
			if ns > 0 {
				failures = append(failures, float64(ns))
			}
		}
		if r.Streaming != analyzer.Unknown {
			said++
			if r.Streaming == analyzer.Yes {
				streamed++
			}
		}
	}
	m["in_flight_mean"] = number(inFlight/1e9/seconds, n)
	m["error_share"], m["retried_share"] = share(failed, n), share(retried, n)
	m["attempts_per_request"] = number(1+float64(retried)/float64(n), n)
	if said > 0 {
		m["streaming_share"] = share(streamed, said)
	}
	count, at := clusterOf(failures, 0.02)
	m["timeout_cluster"] = number(float64(count), len(failures))
	if count > 0 {
		m["timeout_at"] = span(at, count)
	}
	v.measureIncidents()
	v.measureTrends()
}

func (v *view) measureIncidents() {
	n, arrivals, drain := 0, 0, 0.0
	for i := range v.domain.Incidents {
		if in := &v.domain.Incidents[i]; in.Since >= v.since && in.Since < v.until {
			if n++; in.Arrivals > arrivals {
				arrivals, drain = in.Arrivals, float64(in.Drain)
			}
		}
	}
	v.m["incidents"] = number(float64(n), 0)
	if n > 0 {
		v.m["incident_arrivals"], v.m["incident_drain"] = number(float64(arrivals), arrivals), span(drain, arrivals)
	}
}

// trendBins is how many stretches a trend is fitted on.
const trendBins = 20

// measureTrends fits requests in flight and TTFT on time, each by bins whose means are taken as independent.
func (v *view) measureTrends() {
	width := float64(v.until-v.since) / trendBins
	if len(v.members) < 3*trendBins || width <= 0 {
		return
	}
	var busy, ttft, counted [trendBins]float64
	for _, r := range v.members {
		first := int(min(max(float64(r.Start-v.since)/width, 0), trendBins-1))
		for bin := first; bin < trendBins; bin++ {
			from, to := float64(v.since)+width*float64(bin), float64(v.since)+width*float64(bin+1)
			overlap := min(float64(r.End), to) - max(float64(r.Start), from)
			if overlap <= 0 {
				break
			}
			busy[bin] += overlap / width
		}
		if ns, ok := r.TTFT(); ok {
			ttft[first] += float64(ns) / 1e9
			counted[first]++
		}
	}
	var at, y, atTTFT, yTTFT []float64
	for bin := range trendBins {
		t := width * (float64(bin) + 0.5) / 1e9
		at, y = append(at, t), append(y, busy[bin])
		if counted[bin] > 0 {
			atTTFT, yTTFT = append(atTTFT, t), append(yTTFT, ttft[bin]/counted[bin])
		}
	}
	if slope, half, ok := trend(at, y); ok {
		v.m["in_flight_slope"] = number(slope, len(v.members)).within(slope-half, slope+half)
		v.m["in_flight_slope_low"] = number(slope-half, len(v.members))
	}
	if slope, half, ok := trend(atTTFT, yTTFT); ok {
		v.m["ttft_slope_low"] = number(slope-half, len(v.members))
	}
}

// measureLatency fills in how long requests take and how large they are.
func (v *view) measureLatency() {
	var ttft, tpot, e2e, input, output, tailOutput []float64
	finished, cut := 0, 0
	finish := slices.IndexFunc(population.Dimensions[:], func(d population.Dimension) bool { return d.Name == "finish" })
	for _, r := range v.latency {
		e2e = append(e2e, float64(r.E2E()))
		if ns, ok := r.TTFT(); ok {
			ttft = append(ttft, float64(ns))
		}
		if ns, ok := r.TPOT(); ok {
			tpot = append(tpot, ns)
		}
		if r.InputTokens >= 0 {
			input = append(input, float64(r.InputTokens))
		}
		if r.OutputTokens >= 0 {
			output = append(output, float64(r.OutputTokens))
		}
		if reason, ok := v.Population.Attribute(r, finish); ok {
			if finished++; strings.Contains(strings.ToLower(reason), "length") || strings.Contains(strings.ToLower(reason), "max_tokens") {
				cut++
			}
		}
	}
	for _, r := range v.tail {
		if r.OutputTokens >= 0 {
			tailOutput = append(tailOutput, float64(r.OutputTokens))
		}
	}
	v.measureReasoning()
	v.distribution("ttft", ttft, 0.5, 0.95)
	v.distribution("tpot", tpot, 0.5, 0.95)
	v.distribution("e2e", e2e, 0.5, 0.95)
	v.distribution("input_tokens", input, 0.5, 0.95)
	v.distribution("output_tokens", output, 0.5, 0.75, 0.95)
	if len(tailOutput) > 0 {
		v.m["output_tokens_tail"] = number(meanOf(tailOutput), len(tailOutput))
	}
	if finished > 0 {
		v.m["finish_length_share"] = share(cut, finished)
	}
	if t := v.Targets; t.Known {
		v.m["targets_missed"], v.m["ttft_missed"], v.m["tpot_missed"], v.m["e2e_missed"] = truth(t.Missed), truth(t.TTFT), truth(t.TPOT), truth(t.E2E)
		if t.TPOTLimit > 0 {
			v.m["tpot_limit"] = span(t.TPOTLimit, 0)
		}
		if t.TTFTP95 > 0 {
			v.m["ttft_limit"] = span(t.TTFTP95, 0)
		}
		if t.E2EP95 > 0 {
			v.m["e2e_limit"] = span(t.E2EP95, 0)
		}
	}
}

// measureReasoning fills in how much of the answers is reasoning, of those that say.
func (v *view) measureReasoning() {
	reasoning, output, n := int64(0), int64(0), 0
	wait := 0.0
	for _, r := range v.latency {
		if r.ReasoningTokens < 0 || r.OutputTokens <= 0 {
			continue
		}
		n++
		reasoning, output = reasoning+min(r.ReasoningTokens, r.OutputTokens), output+r.OutputTokens
		wait += reasoningTime(r)
	}
	if n > 0 {
		v.m["reasoning_share"] = number(float64(reasoning)/float64(output), n)
		v.m["reasoning_wait"] = span(wait/float64(n), n)
	}
}

// reasoningTime returns the nanoseconds that the reasoning of r takes: its tokens, each at the request's TPOT; of a caller
// that does not know TPOT, its share of the answer's time.
func reasoningTime(r *population.Record) float64 {
	reasoning := float64(min(r.ReasoningTokens, r.OutputTokens))
	if tpot, ok := r.TPOT(); ok {
		return tpot * reasoning
	}
	from := r.Start
	if r.FirstToken > 0 {
		from = r.FirstToken
	}
	return float64(r.End-from) * reasoning / float64(r.OutputTokens)
}

// distribution fills in the mean and quantiles of a measure.
func (v *view) distribution(name string, values []float64, quantiles ...float64) {
	if len(values) == 0 {
		return
	}
	slices.Sort(values)
	v.m[name+"_mean"] = number(meanOf(values), len(values))
	for _, p := range quantiles {
		q := population.QuantileOf(values, p)
		m := number(q.Value, q.N)
		if !q.Open && !q.LowOpen {
			m = m.within(q.Low, q.High)
		}
		v.m[name+"_p"+formatNumber(100*p)] = m
	}
}

// measurePhases fills in how long each phase takes. A phase that no request shows is not known, not zero; but retries
// and other waste that nobody states did not happen.
func (v *view) measurePhases() {
	type sums struct {
		e2e, ttft float64
		seen      int
		all       []float64
	}
	var by [analyzer.NumPhases]sums
	var total, totalTTFT float64
	withTTFT := 0
	for _, r := range v.latency {
		total += float64(r.E2E())
		if ns, ok := r.TTFT(); ok {
			totalTTFT += float64(ns)
			withTTFT++
		}
		var seen analyzer.PhaseSet
		var here [analyzer.NumPhases]float64
		for _, t := range r.Phases() {
			if t.Covers != 0 {
				continue
			}
			by[t.Phase].e2e += float64(t.E2E)
			by[t.Phase].ttft += float64(t.TTFT)
			here[t.Phase] += float64(t.E2E)
			seen |= analyzer.SetOf(t.Phase)
		}
		for _, p := range seen.Phases() {
			by[p].seen++
			by[p].all = append(by[p].all, here[p])
		}
	}
	n := len(v.latency)
	if total > 0 {
		apart := 0.0
		for _, p := range analyzer.Phases {
			if p != analyzer.Unattributed {
				apart += by[p].e2e
			}
		}
		v.m["separable_share"] = number(apart/total, n)
	}
	for _, p := range analyzer.Phases {
		s, name := &by[p], p.String()
		if n == 0 {
			continue
		}
		v.m[name+"_seen"] = share(s.seen, n)
		if s.seen == 0 && p != analyzer.Retry {
			continue
		}
		if total > 0 {
			v.m[name+"_share"] = number(s.e2e/total, n)
		}
		if totalTTFT > 0 {
			v.m[name+"_ttft_share"] = number(s.ttft/totalTTFT, withTTFT)
			v.m[name+"_ttft_mean"] = span(s.ttft/float64(withTTFT), withTTFT)
		}
		v.m[name+"_mean"] = span(s.e2e/float64(n), n)
		for len(s.all) < n {
			s.all = append(s.all, 0)
		}
		slices.Sort(s.all)
		v.m[name+"_p95"] = span(s.all[population.NearestRank(n, 0.95)], n)
	}
	if v.regime != nil && !v.regime.TailE2E.TooFew {
		for _, part := range v.regime.TailE2E.Parts {
			if len(part.Covers) == 0 {
				v.m[part.Phase.String()+"_tail_share"] = number(part.Share, len(v.tail))
			}
		}
	}
}

// measureScores fills in what could be won back in each phase.
func (v *view) measureScores() {
	scores := v.domain.Scores
	if v.regime != nil {
		scores = v.regime.Scores
	}
	for i := range scores {
		s := &scores[i]
		name := s.Phase.String()
		if s.Path == population.PathTTFT {
			name += "_ttft"
		}
		if s.Value == nil {
			v.m[name+"_score"], v.m[name+"_recoverable"] = unknown(s.Why), unknown(s.Why)
			continue
		}
		score, won := number(*s.Value, s.N), span(s.Recoverable.Value, s.N)
		if s.Low != nil && s.High != nil {
			score, won = score.within(*s.Low, *s.High), won.within(s.Recoverable.Low, s.Recoverable.High)
		}
		v.m[name+"_score"], v.m[name+"_recoverable"] = score, won
		if s.Phase == analyzer.Queue && s.Capacity > 0 {
			v.m["queue_capacity_factor"] = number(s.Capacity, s.N)
		}
		if s.Phase == analyzer.Prefill && s.Path == population.PathE2E {
			v.m["replayed"] = truth(!s.NoFeedback)
		}
	}
}

// stack returns the serving engine: as stated, else as most requests are read.
func (v *view) stack() string {
	if engine := v.Facts["engine"]; engine != "" {
		return stackOf(engine)
	}
	counts := map[string]int{}
	best := ""
	for _, r := range v.members {
		name := v.Population.Text(r.Dialect)
		if counts[name]++; counts[name] > counts[best] || counts[name] == counts[best] && name < best {
			best = name
		}
	}
	return stackOf(best)
}

// stackOf returns the stack that an engine or a dialect is of.
func stackOf(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	for _, stack := range Stacks {
		if strings.HasPrefix(plain, stack) {
			return stack
		}
	}
	switch {
	case strings.HasPrefix(plain, "textgenerationinference"):
		return StackTGI
	case strings.HasPrefix(plain, "tensorrt"):
		return StackTriton
	case strings.HasPrefix(plain, "slowtokengateway"): // it stands in front of Ollama
		return StackOllama
	}
	return name
}

func share(k, n int) Measure {
	if n == 0 {
		return Measure{}
	}
	e := population.Proportion(k, n)
	return number(e.Value, n).within(e.Low, e.High)
}

func meanOf(list []float64) float64 {
	sum := 0.0
	for _, x := range list {
		sum += x
	}
	return sum / float64(max(1, len(list)))
}

// meanCV2 returns the mean and the squared coefficient of variation.
func meanCV2(list []float64) (mean, cv2 float64) {
	if len(list) < 2 {
		return 0, 0
	}
	mean = meanOf(list)
	for _, x := range list {
		cv2 += (x - mean) * (x - mean)
	}
	if mean == 0 {
		return 0, 0
	}
	return mean, cv2 / float64(len(list)-1) / (mean * mean)
}

// clusterOf returns how many values lie within a share of one value at most, and that value.
func clusterOf(values []float64, within float64) (most int, at float64) {
	slices.Sort(values)
	first := 0
	for i := range values {
		for values[i] > values[first]*(1+within) {
			first++
		}
		if n := i - first + 1; n > most && values[first] > 0 {
			most, at = n, values[first]
		}
	}
	return most, at
}

// trend fits y on x by least squares and returns the slope and half of its 95 % interval. Neighbouring points depend on
// each other: the interval is widened for their correlation (lag 1) as if there were as many fewer.
func trend(x, y []float64) (slope, half float64, ok bool) {
	n := float64(len(x))
	if n < 5 {
		return 0, 0, false
	}
	mx, my := meanOf(x), meanOf(y)
	var sxx, sxy float64
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	if sxx == 0 {
		return 0, 0, false
	}
	slope = sxy / sxx
	var sse, lag, before float64
	for i := range x {
		e := y[i] - my - slope*(x[i]-mx)
		sse += e * e
		if i > 0 {
			lag += e * before
		}
		before = e
	}
	if sse == 0 {
		return slope, 0, true
	}
	rho := min(max(lag/sse, 0), 0.95)
	fewer := max(3, n*(1-rho)/(1+rho))
	return slope, 2.1 * math.Sqrt(sse/(fewer-2)/sxx*n/fewer), true
}

// quartiles splits a sorted copy of what key says and returns its lowest and highest quarter.
func quartiles(list []*population.Record, key func(*population.Record) float64) (low, high []*population.Record) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b *population.Record) int { return cmp.Compare(key(a), key(b)) })
	quarter := len(sorted) / 4
	return sorted[:quarter], sorted[len(sorted)-quarter:]
}
