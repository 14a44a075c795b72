package population

import (
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// ICL returns the inter-chunk latencies, as [analyzer.Request.ICL] defines them, but in microseconds, cut to whole ones;
// what takes over an hour counts as 71 minutes. The slice must not be changed.
func (r *Record) ICL() []uint32 { return r.gaps }

// AppendICL appends the same in nanoseconds.
func (r *Record) AppendICL(to []int64) []int64 {
	for _, us := range r.gaps {
		to = append(to, 1000*int64(us))
	}
	return to
}

// ITL returns the inter-token latencies, as [analyzer.Request.ITL] defines them, like [Record.ICL].
func (r *Record) ITL() []uint32 {
	chunks := int64(len(r.gaps)) + 1
	if r.OutputTokens != chunks && !(r.chunksAreSteps && r.OutputTokens < chunks) {
		return nil
	}
	return r.gaps
}

// Steps returns how many steps of its engine the request was decoded in after the first token; 0 while unknown.
func (r *Record) Steps() int {
	if !r.chunksAreSteps {
		return 0
	}
	return len(r.gaps)
}

// gaps returns a request's inter-chunk latencies in microseconds. They share slabs, too.
func (b *Builder) gaps(r *analyzer.Request) []uint32 {
	icl := r.ICL()
	if icl == nil {
		return nil
	}
	if cap(b.gapSlab)-len(b.gapSlab) < len(icl) {
		b.gapSlab = make([]uint32, 0, 16384+len(icl))
	}
	first := len(b.gapSlab)
	for _, ns := range icl {
		b.gapSlab = append(b.gapSlab, uint32(min(ns/1000, math.MaxUint32)))
	}
	return b.gapSlab[first:len(b.gapSlab):len(b.gapSlab)]
}
