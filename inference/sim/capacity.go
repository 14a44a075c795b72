package sim

// Capacity returns how many requests a second the engines of all replicas serve at most, with requests as in the
// workload: it lets many arrive at once and counts until nine of ten are done, before the batch thins out.
func Capacity(c Config, w Workload) (perSecond float64, err error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	w.Length = max(w.Length, capacityLength)
	plans, err := w.plan(c.Seed, 0)
	if err != nil {
		return 0, err
	}
	engine := NewEngine(c.Engine, c.Timing)
	submitted := 0
	for _, p := range plans[:min(len(plans), capacityRequests)] {
		s := &Sequence{Prompt: p.prompt, Output: p.output, Prefix: p.prefix, PrefixTokens: p.shared, Masked: p.Chances.Route < c.Server.Masked, Uncached: p.Chances.Route < c.Server.Uncached}
		if engine.Fits(s) {
			engine.Submit(s, 0)
			submitted++
		}
	}
	now, done := int64(0), 0
	for done*10 < submitted*9 {
		end, ok := engine.Begin(now)
		if !ok {
			now = max(end, now+1)
			continue
		}
		now = end
		engine.Finish(now, func(_ *Sequence, last bool) {
			if last {
				done++
			}
		})
	}
	if now == 0 {
		return 0, nil
	}
	return float64(done) / (float64(now) / 1e9) * float64(c.Replicas), nil
}

const (
	capacityRequests = 1000
	capacityLength   = int64(1000e9)
)
