package sim

// Adapters are small additions to the model's weights. Each request wants one of them, some far more often than others;
// the host keeps the last few that were wanted. Others are read anew, and requests stand in the engine's queue meanwhile,
// while others pass them.
type Adapters struct {
	Count int   // that requests want; 0 is without adapters
	Kept  int   // that the host keeps; at least 1
	Read  int64 // that it takes to read one
}

// adapterCache is what a host keeps of adapters.
type adapterCache struct {
	ready map[int]int64 // when each is there
	order []int         // the one that was wanted longest ago first
}

// want returns from when on the adapter that a chance picks is there.
func (c *adapterCache) want(a Adapters, chance float64, now int64) (ready int64) {
	if a.Count == 0 {
		return now
	}
	if c.ready == nil {
		c.ready = map[int]int64{}
	}
	wanted := int(chance * chance * float64(a.Count))
	ready, kept := c.ready[wanted]
	if !kept {
		if len(c.order) >= max(1, a.Kept) {
			delete(c.ready, c.order[0])
			c.order = c.order[1:]
		}
		ready = now + a.Read
		c.ready[wanted] = ready
	}
	c.order = append(remove(c.order, wanted), wanted)
	return ready
}

func remove(list []int, x int) []int {
	kept := list[:0]
	for _, y := range list {
		if y != x {
			kept = append(kept, y)
		}
	}
	return kept
}
