package replay

// Slots is a server that serves first come first served, each job for its own Prefill and Decode, as many at once as
// its limits allow. A limit of zero is none.
type Slots struct {
	Prefill int // jobs in prefill at once
	Decode  int // jobs in decode at once: while there are as many, none starts
	Both    int // jobs in prefill or decode at once
}

// Run returns when each job is served. Jobs may be in any order; those that arrive together are served in the order
// given.
func (s Slots) Run(jobs []Job) []Times {
	return nil
}
