package population

// Sizes say how service times follow from the sizes of requests in one domain. Times are nanoseconds.
type Sizes struct {
	Prefill *Line // prefill on prompt tokens; nil without enough of them

	TPOT          Estimate // of one decode step without foreign prefill; zero where unknown
	TPOTN         int      // requests that TPOT is the median of
	TPOTContended bool     // under 20 requests decode alone: all were taken

	R            *Estimate // prompt tokens prefilled in the time of one decode step; nil while unknown
	CachedTokens *Estimate // of the prompt, in a cache that nobody reports; nil unless significantly above 0

	Abstained []Abstention
}

// A Line is Theil and Sen's fit of y = Intercept + Slope * x.
type Line struct {
	N                int
	Slope, Intercept Estimate
}

// At returns the line's value at x.
func (l *Line) At(x float64) float64 { return l.Intercept.Value + l.Slope.Value*x }

// Sizes returns the size regressions of those members of d. One seed has one result.
func (p *Population) Sizes(d *Domain, members []int32, seed uint64) Sizes { return Sizes{} }
