package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// clockInstants is at how many instants of its decode a request is asked for the clock.
const clockInstants = 8

// measureClock fits TPOT on how far the clock of the device lies under the highest while the request decodes, and on how
// many decode with it: what a device that is slow at times adds, be it getting slower or not.
func (v *view) measureClock() {
	if v.regime != nil {
		return // the rule that reads it looks at all of the time
	}
	clock := clocksOf(v)
	if clock == nil {
		return
	}
	var list []*population.Record
	for _, r := range v.latency {
		if _, ok := r.TPOT(); ok && r.LastToken > r.FirstToken {
			list = append(list, r)
		}
	}
	if len(list) < 4*minCompared {
		return
	}
	_, tpot, inService := v.decoding(list)
	var loss []float64
	for _, r := range list {
		sum := 0.0
		for k := range clockInstants {
			sum += clock.lossAt(r.FirstToken + (r.LastToken-r.FirstToken)*int64(2*k+1)/(2*clockInstants))
		}
		loss = append(loss, sum/clockInstants)
	}
	full, slope, half, ok := plane(loss, inService, tpot)
	if !ok || full <= 0 {
		return
	}
	mean := meanOf(loss)
	v.m["tpot_clock_growth"] = number(slope*mean/full, len(list)).within((slope-half)*mean/full, (slope+half)*mean/full)
	v.m["tpot_clock_growth_low"] = number((slope-half)*mean/full, len(list))
}

// clocks are what the clocks of devices were, by time.
type clocks struct {
	most float64
	list []point // of all devices
}

// clocksOf returns nil where no clock is stated, or it never lies under the highest.
func clocksOf(v *view) *clocks {
	var c clocks
	series := seriesOf(v.Metrics)
	for _, s := range gpuClock {
		for _, name := range s.names {
			for _, list := range series[plainMetric(name)] {
				c.list = append(c.list, list...)
			}
		}
	}
	if len(c.list) == 0 {
		return nil
	}
	least := c.list[0].value
	for _, p := range c.list {
		c.most, least = max(c.most, p.value), min(least, p.value)
	}
	if c.most <= 0 || least == c.most {
		return nil
	}
	slices.SortFunc(c.list, comparePoints)
	return &c
}

// lossAt returns how far the clock lies under the highest, as the samples nearest in time say, of all devices on average.
func (c *clocks) lossAt(at int64) float64 {
	i, _ := slices.BinarySearchFunc(c.list, at, func(p point, at int64) int { return int(min(1, max(-1, p.at-at))) })
	switch {
	case i == len(c.list):
		i--
	case i > 0 && at-c.list[i-1].at < c.list[i].at-at:
		i--
	}
	sum, n := 0.0, 0.0
	for first := i; first >= 0 && c.list[first].at == c.list[i].at; first-- {
		sum, n = sum+c.list[first].value, n+1
	}
	for last := i + 1; last < len(c.list) && c.list[last].at == c.list[i].at; last++ {
		sum, n = sum+c.list[last].value, n+1
	}
	return 1 - sum/n/c.most
}
