package rules

import (
	"math"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// minCompared is how many requests each side of a comparison needs.
const minCompared = 20

// measureDecode fills in what the speed of decode goes with.
func (v *view) measureDecode() {
	var list []*population.Record
	for _, r := range v.latency {
		if _, ok := r.TPOT(); ok {
			list = append(list, r)
		}
	}
	if len(list) < 4*minCompared {
		return
	}
	short, long := quartiles(list, func(r *population.Record) float64 { return float64(r.OutputTokens) })
	if a, b := medianTPOT(short), medianTPOT(long); a > 0 {
		v.m["tpot_output_growth"] = number(b/a, len(short)+len(long))
	}
	v.measureLengths(list)
	at, tpot, inService := v.decoding(list)
	if slope, half, _, ok := line(inService, tpot); ok {
		mean, most := meanOf(tpot), slices.Max(inService)
		alone := mean - slope*(meanOf(inService)-1)
		if alone > 0 && most > 1 {
			grown := slope * (most - 1) / alone
			v.m["tpot_batch_slope"] = number(grown, len(list)).within((slope-half)*(most-1)/alone, (slope+half)*(most-1)/alone)
			v.m["tpot_batch_flat"] = truth((slope+half)*(most-1)/alone < 0.10)
		}
		for i := range tpot {
			tpot[i] -= slope * (inService[i] - meanOf(inService))
		}
	}
	if s := v.domain.Steps; s != nil && s.Drift != (population.Estimate{}) {
		v.m["tpot_drift"] = number(s.Drift.Value, s.N).within(s.Drift.Low, s.Drift.High)
		v.m["tpot_drift_low"] = number(s.Drift.Low, s.N)
	} else if slope, half, ok := trend(at, tpot); s == nil && ok && float64(v.until-v.since) >= 300e9 {
		perTen := 600 / meanOf(tpot)
		v.m["tpot_drift"] = number(slope*perTen, len(list)).within((slope-half)*perTen, (slope+half)*perTen)
		v.m["tpot_drift_low"] = number((slope-half)*perTen, len(list))
	}
}

// measureLengths fits TPOT on how long the sequence is in the middle of its decode. Without a KV cache all of a token's
// cost grows with it.
func (v *view) measureLengths(list []*population.Record) {
	var length, tpot []float64
	for _, r := range list {
		if ns, _ := r.TPOT(); r.InputTokens >= 0 {
			length, tpot = append(length, float64(r.InputTokens)+float64(r.OutputTokens)/2), append(tpot, ns)
		}
	}
	if slope, half, _, ok := line(length, tpot); ok && slope > half {
		v.m["tpot_length_intercept_share"] = number((meanOf(tpot)-slope*meanOf(length))/meanOf(tpot), len(tpot))
	} else if ok {
		v.m["tpot_length_intercept_share"] = number(1, len(tpot))
	}
}

func medianTPOT(list []*population.Record) float64 {
	var tpot []float64
	for _, r := range list {
		if ns, ok := r.TPOT(); ok {
			tpot = append(tpot, ns)
		}
	}
	if len(tpot) == 0 {
		return 0
	}
	slices.Sort(tpot)
	return tpot[population.NearestRank(len(tpot), 0.5)]
}

// decoding returns for each request when it started, in seconds, its TPOT, and how many decoded in the middle of it.
func (v *view) decoding(list []*population.Record) (at, tpot, inService []float64) {
	var starts, ends []int64
	for _, r := range v.members {
		if r.FirstToken != 0 && r.LastToken > r.FirstToken {
			starts, ends = append(starts, r.FirstToken), append(ends, r.LastToken)
		}
	}
	slices.Sort(starts)
	slices.Sort(ends)
	for _, r := range list {
		ns, _ := r.TPOT()
		middle := r.FirstToken + (r.LastToken-r.FirstToken)/2
		begun, _ := slices.BinarySearch(starts, middle)
		done, _ := slices.BinarySearch(ends, middle)
		at, tpot = append(at, float64(r.Start-v.since)/1e9), append(tpot, ns)
		inService = append(inService, float64(max(1, begun-done)))
	}
	return at, tpot, inService
}

// measureInterference fits how fast requests decode on the share of their decode that overlaps foreign prefill, and on how
// many decode with them: rate = a + b x share + c x others. Without foreign prefill a token takes 1/a, under it 1/(a+b).
func (v *view) measureInterference() {
	busy := v.prefillTime()
	if len(busy) == 0 {
		return
	}
	var list []*population.Record
	for _, r := range v.latency {
		if _, ok := r.TPOT(); ok && r.LastToken > r.FirstToken {
			list = append(list, r)
		}
	}
	if len(list) < 2*minCompared {
		return
	}
	_, _, others := v.decoding(list)
	var rate, overlap []float64
	for _, r := range list {
		decode := float64(r.LastToken - r.FirstToken)
		rate = append(rate, float64(r.OutputTokens-1)/decode)
		overlap = append(overlap, float64(busy.Overlap(r.FirstToken, r.LastToken))/decode)
	}
	at, slope, half, ok := plane(overlap, others, rate)
	if !ok || at <= 0 || slope+half >= 0 { // no slower under foreign prefill, as far as can be told
		if ok && at > 0 {
			v.m["prefill_interference"], v.m["stall_recoverable"] = number(0, len(list)), span(0.0, len(list))
		}
		return
	}
	under := max(at+slope, 0.01*at) // nothing is decoded under prefill: tokens of the time beside it
	lost := 0.0
	for i, r := range list {
		lost += overlap[i] * float64(r.LastToken-r.FirstToken) * (1 - under/at)
	}
	v.m["prefill_interference"] = number(at/under-1, len(list)).within(at/max(at+slope+half, 0.01*at)-1, at/max(at+slope-half, 0.01*at)-1)
	v.m["stall_recoverable"] = span(lost/float64(len(v.latency)), len(list))
}

// plane fits z = a + b x + c y by least squares and returns z for x = 0 at the mean of y, b, and half of b's 95 % interval.
func plane(x, y, z []float64) (at, slope, half float64, ok bool) {
	n := float64(len(x))
	mx, my, mz := meanOf(x), meanOf(y), meanOf(z)
	var sxx, syy, sxy, sxz, syz, szz float64
	for i := range x {
		dx, dy, dz := x[i]-mx, y[i]-my, z[i]-mz
		sxx, syy, sxy = sxx+dx*dx, syy+dy*dy, sxy+dx*dy
		sxz, syz, szz = sxz+dx*dz, syz+dy*dz, szz+dz*dz
	}
	det := sxx*syy - sxy*sxy
	var other float64
	switch {
	case sxx <= 1e-9*n:
		return 0, 0, 0, false
	case det <= 1e-6*sxx*syy: // y says nothing beside x
		slope, syy, det = sxz/sxx, 1, sxx
	default:
		slope, other = (sxz*syy-syz*sxy)/det, (syz*sxx-sxz*sxy)/det
	}
	rest := max(0, szz-slope*sxz-other*syz)
	return mz - slope*mx, slope, 2 * math.Sqrt(rest/(n-3)*syy/det), true
}

// prefillTime returns when prompts were prefilled. A request's own prefill ends where its
// decode begins, so that what overlaps its decode is foreign.
func (v *view) prefillTime() analyzer.Stretches {
	var list []analyzer.Stretch
	for _, r := range v.members {
		if ns := phaseTime(r, analyzer.Prefill, population.PathTTFT); ns > 0 && r.FirstToken != 0 {
			list = append(list, analyzer.Stretch{From: r.FirstToken - ns, To: r.FirstToken})
		}
	}
	return analyzer.Union(list)
}

// measureGaps fills in what the times between chunks show.
func (v *view) measureGaps() {
	gaps, stalled, requests, stalledRequests := 0, 0, 0, 0
	var first, last, position, length []float64
	for _, r := range v.latency {
		icl := r.ICL()
		if len(icl) < 2 {
			continue
		}
		requests++
		sorted := slices.Clone(icl)
		slices.Sort(sorted)
		limit := max(5*sorted[population.NearestRank(len(sorted), 0.5)], 100_000) // microseconds
		before := stalled
		for _, us := range icl {
			if gaps++; us > limit {
				stalled++
			}
		}
		if stalled > before {
			stalledRequests++
		}
		if quarter := len(icl) / 4; quarter >= 4 {
			first = append(first, medianGap(icl[:quarter]))
			last = append(last, medianGap(icl[len(icl)-quarter:]))
			for i, us := range icl {
				if len(position) < maxGaps {
					position, length = append(position, float64(max(0, r.InputTokens))+float64(i)), append(length, float64(us)*1e3)
				}
			}
		}
	}
	if requests == 0 {
		return
	}
	v.m["stalled_gap_share"], v.m["stalled_request_share"] = number(float64(stalled)/float64(gaps), gaps), share(stalledRequests, requests)
	if len(first) > 0 && meanOf(first) > 0 {
		v.m["itl_growth"] = number(meanOf(last)/meanOf(first), len(first))
	}
	if slope, half, _, ok := line(position, length); ok && half > 0 {
		z := slope / (half / 2)
		v.m["itl_growth_p"] = number(upperTail(z), len(length))
		v.m["itl_intercept_share"] = number((meanOf(length)-slope*meanOf(position))/meanOf(length), len(length))
	}
	v.measureCommonStalls()
}

// maxGaps is how many gaps a line on positions takes in.
const maxGaps = 200_000

func medianGap(list []uint32) float64 {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return float64(sorted[population.NearestRank(len(sorted), 0.5)])
}

// measureCaches fills in what caches and transfers are known to do.
func (v *view) measureCaches() {
	prompt, cached, loaded, shown := int64(0), int64(0), 0, false
	var kvTTFT, kvE2E, h2d, compute, ttft, preemptedTime, stall, decode float64
	transfers, preempted, stalls := 0, 0, 0
	for _, r := range v.latency {
		if r.InputTokens > 0 && r.CachedTokens >= 0 {
			prompt, cached, shown = prompt+r.InputTokens, cached+r.CachedTokens, true
		}
		if phaseTime(r, analyzer.ModelLoad, population.PathE2E) > 0 {
			loaded++
		}
		if ns, ok := r.TTFT(); ok {
			ttft += float64(ns)
		}
		compute += float64(phaseTime(r, analyzer.Prefill, population.PathE2E) + phaseTime(r, analyzer.Decode, population.PathE2E) + phaseTime(r, analyzer.GPUTransfer, population.PathE2E) + phaseTime(r, analyzer.Other, population.PathE2E))
		for _, t := range r.Phases() {
			if t.Covers.Has(analyzer.Decode) && !t.Covers.Has(analyzer.Queue) { // computing, of whatever kind
				compute += float64(t.E2E)
			}
		}
		decode += float64(phaseTime(r, analyzer.Decode, population.PathE2E))
		hit := false
		for d := range v.Population.Details(r) {
			switch {
			case d.Detail == "kv_transfer":
				kvTTFT, kvE2E = kvTTFT+float64(d.TTFT), kvE2E+float64(d.E2E)
				transfers++
			case d.Phase == analyzer.GPUTransfer && d.Detail == "h2d":
				h2d += float64(d.E2E)
			case d.Detail == "preempted":
				preemptedTime += float64(d.E2E)
				hit = true
			case d.Phase == analyzer.Decode && d.Detail == "stall":
				stall += float64(d.E2E)
				stalls++
			}
		}
		if hit {
			preempted++
		}
	}
	n := len(v.latency)
	if shown && prompt > 0 {
		v.m["cached_share"] = number(float64(cached)/float64(prompt), n)
	}
	if v.m["model_load_seen"].Number > 0 {
		v.m["load_share"], v.m["loaded_share"] = v.m["model_load_share"], share(loaded, n)
	}
	if transfers > 0 && ttft > 0 {
		v.m["kv_transfer_ttft_share"], v.m["kv_transfer_mean"] = number(kvTTFT/ttft, transfers), span(kvE2E/float64(n), transfers)
	}
	if h2d > 0 && compute > 0 {
		list := v.computations()
		copies := copiesOf(list)
		if held, ok := copies.held(list); ok {
			h2d = max(h2d, held)
		}
		v.m["h2d_share"], v.m["h2d_mean"] = number(h2d/compute, n), span(h2d/float64(n), n)
	}
	if preempted > 0 {
		v.m["preempted_share"], v.m["preempted_mean"] = share(preempted, n), span(preemptedTime/float64(n), preempted)
	}
	if stalls > 0 && decode > 0 {
		v.m["stall_share"] = number(stall/decode, stalls)
		v.m["stall_recoverable"] = span(stall/float64(n), stalls)
	}
	v.measureColdStarts()
}

// measureHardware fills in how near the engine comes to its device.
func (v *view) measureHardware() {
	tp, known := v.Facts.Number("tensor_parallel_size")
	if alone, ok := v.Facts.Number("single_device_tpot"); ok && known && v.m["uncontended_tpot"].Number > 0 {
		v.m["tp_efficiency"] = number(1e9*alone/v.m["uncontended_tpot"].Number/tp, v.m["uncontended_tpot"].N)
	}
	h := v.domain.Hardware
	if h == nil {
		return
	}
	for _, name := range []string{"mfu", "mbu", "decode_floor", "decode_floor_ratio", "prefill_floor_ratio", "ridge_tokens"} {
		for _, a := range h.Abstained {
			if strings.HasPrefix(strings.ToLower(a.What), name) || strings.HasPrefix(a.What, "roofline") {
				v.m[name] = unknown(a.Why)
			}
		}
	}
	for _, u := range []struct {
		name string
		*population.Utilization
	}{{"mfu", h.MFU}, {"mbu", h.MBU}} {
		if u.Utilization != nil && !u.Impossible {
			m := number(u.Share.Value, u.N)
			if u.Interval {
				m = m.within(u.Share.Low, u.Share.High)
			}
			v.m[u.name] = m
		}
	}
	var prefill, prefillFloor, decode, decodeFloor, steps float64
	n, nd, stated := 0, 0, 0
	for _, r := range v.latency {
		if floor, ok := h.PrefillFloor(r); ok && floor > 0 {
			if ns := phaseTime(r, analyzer.Prefill, population.PathE2E); ns > 0 {
				prefill, prefillFloor = prefill+float64(ns), prefillFloor+floor
				n++
			}
		}
		if floor, ok := h.DecodeFloor(r); ok && floor > 0 {
			if ns := v.cleanDecode(r); ns > 0 && r.OutputTokens > 1 {
				decode, decodeFloor, steps = decode+ns, decodeFloor+floor, steps+float64(r.OutputTokens-1)
				nd++
				if r.InputTokens >= 0 {
					stated++
				}
			}
		}
	}
	if n >= minCompared {
		v.m["prefill_floor_ratio"] = number(prefill/prefillFloor, n)
	}
	if nd >= minCompared {
		v.m["decode_floor_ratio"], v.m["decode_floor"] = number(decode/decodeFloor, nd), span(decodeFloor/steps, nd)
		// A floor that leaves out the keys and values of prompts that nobody states is no measure of a full batch.
		if v.m["decode_step_alone"].Known && 10*stated >= 9*nd {
			v.m["decode_excess"] = span(max(0, decode-decodeFloor)/steps, nd)
		}
	}
	v.measureAlone(h)
}

// measureAlone says how far a step of decode with one request is from the least that the device takes for it.
func (v *view) measureAlone(h *population.Hardware) {
	s := v.domain.Steps
	if s == nil {
		return
	}
	var floor float64
	n := 0
	for _, r := range v.latency {
		if ns, ok := h.AloneFloor(r); ok {
			floor += ns
			n++
		}
	}
	if n >= minCompared && floor > 0 {
		floor /= float64(n)
		v.m["decode_alone_floor"], v.m["decode_alone_ratio"] = span(floor, n), number(s.Alone/floor, s.N)
		v.m["decode_alone_ratio_low"] = number(s.AloneLow/floor, s.N)
		v.m["decode_alone_excess"] = span(max(0, s.Alone-floor), s.N)
	}
}

// cleanDecode is how long r's decode takes, without what others' prompts add to it as far as that is known.
func (v *view) cleanDecode(r *population.Record) float64 {
	if s := v.domain.Steps; s != nil {
		if load, ok := s.Load(r); ok {
			return s.Clean(load.Batch) * load.Steps
		}
		return 0
	}
	return float64(phaseTime(r, analyzer.Decode, population.PathE2E))
}
