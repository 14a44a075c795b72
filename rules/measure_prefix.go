package rules

// measurePrefix compares what a prefix cache could save with what it saves. It could save what nearly all prompts are
// stated to begin with; what it saves is stated by requests, counted by the engine, or seen in how prefill grows with the
// prompt: nothing, when it grows from no prompt at all.
func (v *view) measurePrefix() {
	m := v.m
	shared, stated := v.Facts.Number("shared_prefix_tokens")
	mean := m["input_tokens_mean"]
	if !stated || !mean.Known || mean.Number <= 0 {
		return
	}
	total, repeated := 0.0, 0.0
	mayBe := 0.0 // share of prompt tokens that may have come from the cache
	for _, r := range v.latency {
		if r.InputTokens > 0 {
			total, repeated = total+float64(r.InputTokens), repeated+min(shared, float64(r.InputTokens))
		}
	}
	m["cacheable_share"] = number(repeated/total, mean.N)
	if !m["cached_share"].Known {
		enabled, known := v.Facts["enable_prefix_caching"]
		switch {
		case m["metric_prefix_hit_share"].Known:
			m["cached_share"] = m["metric_prefix_hit_share"]
		case known && enabled == "false":
			m["cached_share"] = number(0, mean.N)
		case m["cached_prefix_tokens"].Known && v.interceptTells(mean.Number):
			// A gap is what the cache misses for certain: as many may be cached as the interval of the intercept allows, and
			// as fit into what a step takes however few tokens it computes.
			if p := v.domain.Sizes.Prefill; p != nil && p.Slope.Value > 0 {
				step := 0.0
				if h := v.domain.Hardware; h != nil {
					step, _ = h.StepFloor()
				}
				mayBe = min(1, (step-p.Intercept.Low)/p.Slope.Value/mean.Number)
			}
			m["cached_share"] = number(min(1, m["cached_prefix_tokens"].Number/mean.Number), m["cached_prefix_tokens"].N)
		}
	}
	if cached := m["cached_share"]; cached.Known {
		m["cache_gap"] = number(m["cacheable_share"].Number-max(cached.Number, mayBe), mean.N)
	}
}

// interceptTells reports whether the intercept of prefill on prompt tokens says how many are cached: prompt length
// explains prefill, or what a token takes is known to half of it, or the intercept to a quarter of the mean prompt. A few
// prompts that are far longer than the others draw the line by themselves.
func (v *view) interceptTells(mean float64) bool {
	p := v.domain.Sizes.Prefill
	if long := v.m["stall_long_share"]; p == nil || p.Slope.Value <= 0 || long.Known && long.Number >= fewLongPrompts {
		return false
	}
	if 2*p.Slope.Low >= p.Slope.Value {
		return true
	}
	return v.m["prefill_r2"].Number >= minPrefixR2 || (p.Intercept.High-p.Intercept.Low)/p.Slope.Value <= mean/4
}

// fewLongPrompts is the share of prompt tokens from which on a few long prompts hold most of them.
const fewLongPrompts = 0.4

// minPrefixR2 is how much of prefill's variance prompt length must explain before its intercept says what was cached.
const minPrefixR2 = 0.5

// measureBus says how near decode comes to what the bus can bring from the host's memory at every step: all weights, or
// those that are stated to stay there.
func (v *view) measureBus() {
	h, tpot := v.domain.Hardware, v.m["uncontended_tpot"]
	if step := v.m["decode_step"]; step.Known {
		tpot = step
	}
	if h == nil || !tpot.Known || tpot.Number <= 0 {
		return
	}
	offloaded, stated := v.Facts.Number("cpu_offload_bytes")
	var floor float64
	var ok bool
	if stated {
		floor, ok = h.BusFloor(offloaded)
	} else if disk, known := v.Facts.Number("disk_bandwidth"); !known || disk == 0 {
		floor, ok = h.LoadFloor()
	}
	if ok {
		v.m["offload_bandwidth_share"] = number(floor/tpot.Number, tpot.N)
	}
}
