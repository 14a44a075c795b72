// Package roofline says how fast a model can be served on a device at best, and how near to that a measurement is.
//
// A step of an engine takes at least the time that its bytes need at the memory's bandwidth, and at least the time that
// its operations need at the matrix units' rate (Williams, Waterman and Patterson, CACM 52(4), 2009). Which bytes and
// operations those are follows from the model's architecture. Times are nanoseconds, sizes bytes.
package roofline

import "math"

// What engines attain of the datasheet's rates at best. Floors go by them, so that a phase at its floor is as fast as a
// well-built engine is known to be; shares of the peak ([Serving.MFU], [Serving.MBU]) go by the datasheet.
const (
	// AttainableBandwidth is mem_bw_empirical_scaling_factor of every datacentre GPU in ai-dynamo/aiconfigurator.
	AttainableBandwidth = 0.8
	// AttainableFLOPS is the lower end of the range that cli99/llm-analysis cites for prefill, 0.5 to 0.7: what the upper end
	// has over it is no time that a well-built engine is sure to win back.
	AttainableFLOPS = 0.5
)

// A Serving is a model as an engine serves it.
type Serving struct {
	Model  Model
	Device Device

	WeightBytes float64 // a parameter of the layers
	ExpertBytes float64 // a parameter of experts
	HeadBytes   float64 // a parameter of the output head
	CacheBytes  float64 // a number of the KV cache
	FLOPS       float64 // dense operations a second of one device in the type that it computes in; 0 for unknown
	Tensor      int     // devices that share every layer

	stated *Stated
}

// Stated are sizes of a model that no table holds, as a person states them.
type Stated struct {
	Parameters float64 // in all
	Active     float64 // that compute one token
	CacheBytes float64 // of the KV cache a token; 0 for unknown, which only lowers a floor
}

// weightBytes returns the bytes of weights that a step of that many tokens reads, on all devices together.
func (s *Serving) weightBytes(tokens float64) float64 {
	if s.stated != nil {
		share := s.stated.Active / s.stated.Parameters
		visited := 1.0
		if share < 1 {
			visited = 1 - math.Pow(1-share, tokens)
		}
		return s.stated.Parameters * visited * s.WeightBytes
	}
	m := &s.Model
	bytes := m.layersShared()*s.WeightBytes + m.head()*s.HeadBytes
	if m.Experts != nil {
		bytes += float64(m.Experts.Count) * m.expert() * m.Experts.visited(tokens) * s.ExpertBytes
	}
	return bytes
}

// WeightTotal returns the bytes of all weights, which a load moves.
func (s *Serving) WeightTotal() float64 {
	if s.stated != nil {
		return s.stated.Parameters * s.WeightBytes
	}
	m := &s.Model
	bytes := m.layersShared()*s.WeightBytes + m.head()*s.HeadBytes
	if !m.Tied {
		bytes += m.head() * s.HeadBytes
	}
	if m.Experts != nil {
		bytes += float64(m.Experts.Count) * m.expert() * s.ExpertBytes
	}
	return bytes
}

// CacheTotal returns the bytes of KV cache of one sequence.
func (s *Serving) CacheTotal(context float64) float64 {
	if s.stated != nil {
		return s.stated.CacheBytes * context
	}
	return s.Model.CacheElements(context) * s.CacheBytes
}

// cacheSplit returns into how many parts tensor parallelism divides the cache: no further than there are KV heads, and
// not at all with latent attention, of which every device holds the whole.
func (s *Serving) cacheSplit() float64 {
	switch {
	case s.stated != nil:
		return float64(s.Tensor)
	case s.Model.Latent != nil:
		return 1
	}
	return float64(min(s.Tensor, s.Model.KVHeads))
}

// stateBytes is the type that linear attention keeps its state in: 32 bits, read and written in every step.
const stateBytes = 2 * 4

// DecodeBytes returns what one device reads in a decode step of batch sequences whose contexts hold context tokens on
// average.
func (s *Serving) DecodeBytes(batch, context float64) float64 {
	tensor := float64(s.Tensor)
	bytes := s.weightBytes(batch)/tensor + batch*s.CacheTotal(context)/s.cacheSplit()
	if s.stated == nil {
		bytes += batch * s.Model.stateElements() * stateBytes / tensor
	}
	return bytes
}

// PrefillFLOPs returns the operations that compute tokens of a prompt after cached ones: two a parameter and token, and
// attention of each to all before it, 2 L d S (S + 2 C) where nothing bounds it.
func (s *Serving) PrefillFLOPs(tokens, cached float64) float64 {
	if s.stated != nil {
		return 2 * s.stated.Active * tokens
	}
	m := &s.Model
	flops := 2*m.activeBody()*tokens + 2*m.head()
	full := float64(m.fullLayers() - m.WindowLayers)
	perPair := 4 * float64(m.Heads*m.HeadDim)
	if l := m.Latent; l != nil {
		perPair = 2 * float64(m.Heads*(l.NopeDim+l.RopeDim+l.ValueDim))
	}
	pairs := full*attended(tokens, cached, math.Inf(1)) + float64(m.WindowLayers)*attended(tokens, cached, float64(m.Window))
	return flops + perPair*pairs
}

// attended returns to how many tokens the tokens after cached ones attend, all together, if each sees window at most.
func attended(tokens, cached, window float64) float64 {
	free := min(max(window-cached, 0), tokens) // of them, how many see all before them
	return free*cached + free*free/2 + (tokens-free)*min(window, cached+tokens)
}

// DecodeFLOPs returns the operations of a decode step.
func (s *Serving) DecodeFLOPs(batch, context float64) float64 {
	if s.stated != nil {
		return 2 * s.stated.Active * batch
	}
	m := &s.Model
	perToken := 4 * float64(m.Heads*m.HeadDim)
	if l := m.Latent; l != nil {
		perToken = 2 * float64(m.Heads*(2*l.KVRank+l.RopeDim)) // with the projections absorbed
	}
	seen := float64(m.fullLayers()-m.WindowLayers)*context + float64(m.WindowLayers)*min(context, float64(m.Window))
	return batch * (2*m.Active() + perToken*seen)
}

// PrefillFloor returns the least time for that prefill: that of its operations, or of reading the weights once.
func (s *Serving) PrefillFloor(tokens, cached float64) float64 {
	return max(s.Compute(s.PrefillFLOPs(tokens, cached)), s.read(s.weightBytes(tokens)/float64(s.Tensor)))
}

// DecodeFloor returns the least time of a decode step.
func (s *Serving) DecodeFloor(batch, context float64) float64 {
	return max(s.read(s.DecodeBytes(batch, context)), s.Compute(s.DecodeFLOPs(batch, context)))
}

// read returns the least time in which a device reads bytes from its memory.
func (s *Serving) read(bytes float64) float64 {
	return 1e9 * bytes / (AttainableBandwidth * s.Device.Bandwidth)
}

// Compute returns the least time of operations on all devices; 0, the least there is, while their rate is unknown.
func (s *Serving) Compute(flops float64) float64 {
	if s.FLOPS == 0 {
		return 0
	}
	return 1e9 * flops / (AttainableFLOPS * s.FLOPS * float64(s.Tensor))
}

// LoadFloor returns the least time to bring the weights to the devices: bytes / min(disk, bus). The disk is read once
// for all of them, each has a bus of its own. A rate of 0 is unknown and bounds nothing; ok is false if both are.
func (s *Serving) LoadFloor(disk float64) (ns float64, ok bool) {
	bytes := s.WeightTotal()
	if disk > 0 {
		ns = 1e9 * bytes / disk
	}
	if s.Device.Bus > 0 {
		ns = max(ns, 1e9*bytes/(s.Device.Bus*float64(s.Tensor)))
	}
	return ns, ns > 0
}

// MFU returns which share of the devices' dense rate that many operations in ns are; ok is false while the rate is
// unknown.
func (s *Serving) MFU(flops, ns float64) (share float64, ok bool) {
	if s.FLOPS == 0 || ns <= 0 {
		return 0, false
	}
	return flops / (ns / 1e9 * s.FLOPS * float64(s.Tensor)), true
}

// MBU returns which share of a device's bandwidth a decode step in ns is. Over 1, tokens came without a step of their
// own (speculation) or the model is not what was stated; it is never efficiency.
func (s *Serving) MBU(batch, context, ns float64) float64 {
	return s.DecodeBytes(batch, context) / (ns / 1e9 * s.Device.Bandwidth)
}

// Ridge returns the operations a byte above which the rate of the matrix units binds, not the bandwidth; 0 while it is
// unknown.
func (s *Serving) Ridge() float64 { return s.FLOPS / s.Device.Bandwidth }
