package population

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/roofline"
)

// Hardware says how near a domain's engine comes to what its device can do, and how fast it could be at best.
type Hardware struct {
	Model, Device string       // as the tables have them; empty while unknown
	MFU           *Utilization // of prefills that no other prefill overlaps; nil while unknown
	MBU           *Utilization // of decode steps without foreign prefill; nil while unknown
	Abstained     []Abstention

	serving      *roofline.Serving // nil while model or device are unknown
	decoding     *occupancy        // requests that decode; nil while nobody knows which share an engine
	replicas     int
	sharedPrefix float64 // tokens that nearly all prompts are stated to begin with
	cachedPrefix float64 // tokens of every prompt in a cache that nobody reports
	disk         float64 // bytes a second; 0 while unknown
	roundTrip    float64 // nanoseconds between callers and servers and back; 0 while unknown
	speculates   bool    // a step can make several tokens, so that tokens do not count steps
}

// A Utilization is a share of what the datasheet says a device can do.
type Utilization struct {
	Share    Estimate // its ends are 0 where there are under five blocks
	Interval bool     // whether there is an interval
	N        int      // requests
	Batch    float64  // of MBU: sequences in a step, weighted by time
	Fitted   bool     // of MBU: too few decode without foreign prefill, so that [Steps] say what a step takes

	// Impossible says that it is over 1: tokens came without a step of their own (speculation), or the model, its type
	// or the device is not what was stated. It is never efficiency.
	Impossible bool
}

// minUtilization is how many requests a share needs.
const minUtilization = 20

var errModelsMixed = errors.New("the domain serves several models")

// Hardware looks model and device up and measures how they are used by the requests of those regimes of d.
func (p *Population) Hardware(d *Domain, regimes []*RegimeStudy, s *Sizes, steps *Steps, f Facts, seed uint64) *Hardware {
	h := &Hardware{replicas: 1}
	h.disk, _ = f.Number("disk_bandwidth")
	trip, _ := f.Number("network_rtt")
	h.roundTrip = 1e9 * trip
	h.sharedPrefix, _ = f.Number("shared_prefix_tokens")
	if s != nil && s.CachedTokens != nil {
		h.cachedPrefix = s.CachedTokens.Value
	}
	var err error
	if h.serving, err = p.serving(d, f); err != nil {
		h.abstain("roofline of "+cmp.Or(d.Name, "the server"), err.Error(),
			"state --fact model=NAME and --fact device=NAME; for what no table holds, model_params and device_bandwidth")
		return h
	}
	h.Model, h.Device = h.serving.Model.Name, h.serving.Device.Name
	_, h.speculates = f.Number("num_speculative_tokens")
	if d.Replicas > 1 {
		h.replicas = d.Replicas
	}
	if d.SlotsKnown() {
		h.decoding = p.occupied(d.together(), (*Record).decodeInterval)
	}
	prefilling := p.occupied(d.together(), (*Record).prefillInterval)
	boot := newBootstrap(len(p.Records), regimes, seed)
	h.measureMFU(p, regimes, boot, prefilling)
	h.measureMBU(p, d, regimes, boot, prefilling, steps)
	return h
}

func (h *Hardware) abstain(what, why, remedy string) {
	h.Abstained = append(h.Abstained, Abstention{what, why, remedy})
}

// serving returns how the domain's model is served, as far as facts, the requests' model and the tables say.
func (p *Population) serving(d *Domain, f Facts) (*roofline.Serving, error) {
	number := func(key string) float64 {
		x, _ := f.Number(key)
		return x
	}
	u := roofline.Setup{
		Model: f["model"], Device: f["device"], DType: f["dtype"], Quantization: f["quantization"], CacheDType: f["kv_cache_dtype"],
		Tensor: int(number("tensor_parallel_size")),
		Stated: roofline.Stated{Parameters: number("model_params"), Active: number("model_active_params"), CacheBytes: number("model_kv_bytes")},
		FLOPS:  number("device_flops"), Bandwidth: number("device_bandwidth"),
	}
	if u.Model == "" {
		for i, m := range d.Members {
			name := p.Text(p.Records[m].Model)
			if i > 0 && name != u.Model {
				return nil, errModelsMixed
			}
			u.Model = name
		}
	}
	if u.Device == "" && u.Bandwidth == 0 {
		return nil, errors.New("the device is not known")
	}
	if u.Model == "" && u.Stated.Parameters == 0 {
		return nil, errors.New("the model is not known")
	}
	return roofline.New(u)
}

// prefillInterval returns when r was prefilled: right before its first token.
func (r *Record) prefillInterval() (from, to int64, ok bool) {
	ns := r.observed(analyzer.Prefill, PathTTFT)
	return r.FirstToken - ns, r.FirstToken, ns > 0 && r.FirstToken != 0
}

// decodeInterval returns when r was decoded, as its server says.
func (r *Record) decodeInterval() (from, to int64, ok bool) {
	return r.FirstToken, r.LastToken, r.observed(analyzer.Decode, PathE2E) > 0 && r.FirstToken != 0 && r.LastToken > r.FirstToken
}

// observed returns how long the phase took, if telemetry states it by itself.
func (r *Record) observed(phase analyzer.Phase, path Path) (ns int64) {
	for _, pt := range r.Phases() {
		if pt.Phase == phase && pt.Covers == 0 {
			ns += pt.On(path)
		}
	}
	return ns
}

// measureMFU measures prefills that no other prefill overlaps.
func (h *Hardware) measureMFU(p *Population, regimes []*RegimeStudy, boot *bootstrap, prefilling *occupancy) {
	if h.serving.FLOPS == 0 {
		h.abstain("MFU", "the rate of "+h.Device+" in this type is not published", "state --fact device_flops=N")
		return
	}
	var u Utilization
	done, could := make([]float64, boot.groups), make([]float64, boot.groups)
	for _, r := range latencies(p, regimes) {
		from, to, ok := r.record.prefillInterval()
		tokens, cached := h.prompt(r.record)
		if !ok || tokens < 1 || prefilling.mean(from, to) > 1.001 || boot.of[r.index] < 0 {
			continue
		}
		share, _ := h.serving.MFU(h.serving.PrefillFLOPs(tokens, cached), float64(to-from))
		u.N++
		done[boot.of[r.index]] += share * float64(to-from)
		could[boot.of[r.index]] += float64(to - from)
	}
	if u.N < minUtilization {
		h.abstain("MFU", fmt.Sprintf("%d requests with known prompt and prefill of their own; it needs %d", u.N, minUtilization), "a window with more requests")
		return
	}
	u.Share, u.Interval = boot.ratio(done, could)
	u.Impossible = u.Share.Value > 1
	h.MFU = &u
}

// PromptMFU is which share of the device's dense rate so many tokens of a prompt in ns are, of which none was cached; ok is
// false while the rate is unknown.
func (h *Hardware) PromptMFU(tokens, ns float64) (share float64, ok bool) {
	if h.serving == nil {
		return 0, false
	}
	return h.serving.MFU(h.serving.PrefillFLOPs(tokens, 0), ns)
}

// measureMBU measures decodes that no foreign prefill overlaps. Where these are too few, it takes for each decode what its
// steps would have taken without.
func (h *Hardware) measureMBU(p *Population, d *Domain, regimes []*RegimeStudy, boot *bootstrap, prefilling *occupancy, fit *Steps) {
	if h.decoding == nil {
		h.abstain("MBU", "nobody says how many engines there are, so the size of a batch is unknown", "state --fact replicas=N, or set service.instance.id")
		return
	}
	if shown := prefilling.intervals; shown*10 < 9*h.decoding.intervals {
		h.abstain("MBU", "the prefill of most requests is not observable, so that a decode without foreign prefill cannot be told", "tracing of the engine itself")
		return
	}
	alone := h.memoryUse(p, regimes, boot, func(r *Record) (step float64, ok bool) {
		from, to, ok := r.decodeInterval()
		steps, known := h.steps(r)
		return float64(to-from) / steps, ok && known && prefilling.mean(from, to) == 0
	})
	if alone.N < minUtilization && fit != nil {
		alone = h.memoryUse(p, regimes, boot, func(r *Record) (step float64, ok bool) {
			load, ok := fit.Load(r)
			return fit.Clean(load.Batch), ok
		})
		alone.Fitted = true
	}
	if alone.N < minUtilization {
		h.abstain("MBU of "+cmp.Or(d.Name, "the server"), fmt.Sprintf("%d requests decode without foreign prefill; it needs %d", alone.N, minUtilization), "a window with less load, or more requests")
		return
	}
	h.MBU = &alone
}

// memoryUse is the share of the bandwidth that decode uses, by the time of a step of each request.
func (h *Hardware) memoryUse(p *Population, regimes []*RegimeStudy, boot *bootstrap, step func(*Record) (ns float64, ok bool)) (u Utilization) {
	var batchTime, total float64
	done, could := make([]float64, boot.groups), make([]float64, boot.groups)
	for _, r := range latencies(p, regimes) {
		ns, ok := step(r.record)
		if !ok || r.record.InputTokens < 0 || boot.of[r.index] < 0 {
			continue
		}
		batch, time := h.batch(r.record), float64(r.record.LastToken-r.record.FirstToken)
		u.N++
		batchTime += batch * time
		done[boot.of[r.index]] += h.serving.MBU(batch, h.context(r.record), ns) * time
		could[boot.of[r.index]] += time
		total += time
	}
	if u.N == 0 {
		return u
	}
	u.Share, u.Interval = boot.ratio(done, could)
	u.Batch, u.Impossible = batchTime/total, u.Share.Value > 1
	return u
}

// prompt returns how many tokens of r's prompt were computed, and how many came from a cache.
func (h *Hardware) prompt(r *Record) (tokens, cached float64) {
	cached = h.cachedPrefix
	if r.CachedTokens >= 0 {
		cached = float64(r.CachedTokens)
	}
	cached = min(cached, float64(r.InputTokens))
	return float64(r.InputTokens) - cached, cached
}

// steps returns in how many steps r was decoded after its first token.
func (h *Hardware) steps(r *Record) (steps float64, ok bool) {
	if r.chunksAreSteps && len(r.gaps) > 0 {
		return float64(len(r.gaps)), true
	}
	return float64(r.OutputTokens - 1), !h.speculates && r.OutputTokens > 1 && r.Sequences <= 1
}

// batch returns how many sequences shared r's decode steps, at least itself.
func (h *Hardware) batch(r *Record) float64 {
	if r.BatchSize > 0 {
		return r.BatchSize
	}
	if h.decoding == nil {
		return 1
	}
	others := h.decoding.mean(r.FirstToken, r.LastToken) - 1
	return 1 + max(others, 0)/float64(h.replicas)
}

// context returns how many tokens r's sequence held in the middle of its decode.
func (h *Hardware) context(r *Record) float64 {
	return float64(max(r.InputTokens, 0)) + float64(max(r.OutputTokens, 0))/2
}

// PrefillFloor returns the least time of r's prefill on this device, in nanoseconds; ok is false while it is unknown.
func (h *Hardware) PrefillFloor(r *Record) (ns float64, ok bool) {
	if h.serving == nil || h.serving.FLOPS == 0 || r.InputTokens < 0 {
		return 0, false
	}
	tokens, cached := h.prompt(r)
	again := float64(h.cacheable(r))
	if tokens -= again; tokens < 1 {
		return 0, true
	}
	return h.serving.PrefillFloor(tokens, cached+again), true
}

// StepFloor returns the least time of a decode step of one sequence, without its cache, in nanoseconds.
func (h *Hardware) StepFloor() (ns float64, ok bool) {
	if h.serving == nil {
		return 0, false
	}
	return h.serving.DecodeFloor(1, 0), true
}

// DecodeFloor returns the least time of r's decode in batches as large as they were, in nanoseconds. Where telemetry
// does not say how many they were, it is that of a batch of one.
func (h *Hardware) DecodeFloor(r *Record) (ns float64, ok bool) {
	if h.serving == nil {
		return 0, false
	}
	steps, ok := h.steps(r)
	if !ok {
		return 0, false
	}
	return steps * h.serving.DecodeFloor(h.batch(r), h.context(r)), true
}

// AloneFloor returns the least time of r's decode step if nobody shared it, in nanoseconds.
func (h *Hardware) AloneFloor(r *Record) (ns float64, ok bool) {
	if h.serving == nil {
		return 0, false
	}
	return h.serving.DecodeFloor(1, h.context(r)), true
}

// LoadFloor returns the least time in which the weights come to the device, in nanoseconds; ok is false while neither
// the bus nor the disk is known.
func (h *Hardware) LoadFloor() (ns float64, ok bool) {
	if h.serving == nil {
		return 0, false
	}
	return h.serving.LoadFloor(h.disk)
}

// BusFloor returns the least time in which that many bytes cross the devices' buses, in nanoseconds; ok is false while the
// bus is unknown.
func (h *Hardware) BusFloor(bytes float64) (ns float64, ok bool) {
	if h.serving == nil || h.serving.Device.Bus == 0 {
		return 0, false
	}
	return 1e9 * bytes / (h.serving.Device.Bus * float64(max(1, h.serving.Tensor))), true
}

type indexed struct {
	index  int32
	record *Record
}

func latencies(p *Population, regimes []*RegimeStudy) []indexed {
	var list []indexed
	for _, r := range regimes {
		for _, i := range r.Latency {
			list = append(list, indexed{i, &p.Records[i]})
		}
	}
	return list
}

// An occupancy is how many intervals hold each instant, or what they weigh together.
type occupancy struct {
	intervals int
	at        []int64   // instants of change
	count     []float64 // from there on
	area      []float64 // under the counts, up to there
	held      []float64 // nanoseconds with any interval, up to there
}

// occupied returns the occupancy of the members' intervals.
func (p *Population) occupied(members []int32, interval func(*Record) (from, to int64, ok bool)) *occupancy {
	return p.weighed(members, func(r *Record) (from, to int64, weight float64, ok bool) {
		from, to, ok = interval(r)
		return from, to, 1, ok
	})
}

// weighed returns the occupancy of the members' intervals, each with its weight.
func (p *Population) weighed(members []int32, interval func(*Record) (from, to int64, weight float64, ok bool)) *occupancy {
	return occupancyOf(len(members), func(i int) (from, to int64, weight float64, ok bool) { return interval(p.record(members[i])) })
}

// occupancyOf returns the occupancy of n intervals.
func occupancyOf(n int, interval func(i int) (from, to int64, weight float64, ok bool)) *occupancy {
	type change struct {
		at     int64
		by     int
		weight float64
	}
	var changes []change
	for i := range n {
		if from, to, weight, ok := interval(i); ok {
			changes = append(changes, change{from, 1, weight}, change{to, -1, -weight})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.weight, b.weight)) })
	o := &occupancy{intervals: len(changes) / 2}
	there, count, area, held := 0, 0.0, 0.0, 0.0
	for i, c := range changes {
		if i > 0 {
			dt := float64(c.at - changes[i-1].at)
			area += count * dt
			if there > 0 {
				held += dt
			}
		}
		if there += c.by; there == 0 {
			count = 0 // what rounding left
		} else {
			count += c.weight
		}
		if n := len(o.at); n > 0 && o.at[n-1] == c.at {
			o.count[n-1] = count
			continue
		}
		o.at, o.count, o.area, o.held = append(o.at, c.at), append(o.count, count), append(o.area, area), append(o.held, held)
	}
	return o
}

// mean returns the mean count over [from, to).
func (o *occupancy) mean(from, to int64) float64 {
	if to <= from {
		return 0
	}
	return (o.until(to, o.area, func(i int) float64 { return o.count[i] }) - o.until(from, o.area, func(i int) float64 { return o.count[i] })) / float64(to-from)
}

// covered returns how many nanoseconds of [from, to) some interval holds.
func (o *occupancy) covered(from, to int64) float64 {
	any := func(i int) float64 {
		if i+1 < len(o.at) && o.held[i+1] > o.held[i] {
			return 1
		}
		return 0
	}
	return max(0, o.until(to, o.held, any)-o.until(from, o.held, any))
}

// until returns the sum up to t: what it was at the last change, and what it grows by since.
func (o *occupancy) until(t int64, sum []float64, rate func(int) float64) float64 {
	i, found := slices.BinarySearch(o.at, t)
	if found {
		return sum[i]
	}
	if i == 0 {
		return 0
	}
	return sum[i-1] + rate(i-1)*float64(t-o.at[i-1])
}
