package sim

// A Batch is the work of one step of an engine.
type Batch struct {
	At      int64 // when the step begins
	Prompt  int   // prompt tokens computed in it
	Decodes int   // sequences that each get a token in it
	Masked  bool  // one of them may go on with some tokens only
	// Squares is the sum over prompt chunks of S tokens behind C known ones of S x (S + 2C): the work of attention.
	Squares float64
	// Context is the number of tokens whose keys and values are read.
	Context int
	Copied  float64 // bytes that come from the host before it, or go there
}

// A Timing says how long a step takes, and for how much of it the device waits for the host.
type Timing interface {
	Step(Batch) (ns int64)
	Host(Batch) (ns int64)
}

// Linear is a straight line in the sizes of a step. A step without work of a kind does not have its base either.
type Linear struct {
	PromptBase, PromptToken int64 // nanoseconds
	StepBase, StepSequence  int64 // nanoseconds
}

// Step returns the time of the prompt tokens and then of the decoding.
func (l Linear) Step(b Batch) (ns int64) {
	if b.Prompt > 0 {
		ns += l.PromptBase + l.PromptToken*int64(b.Prompt)
	}
	if b.Decodes > 0 {
		ns += l.StepBase + l.StepSequence*int64(b.Decodes)
	}
	return ns
}

// Host is nothing.
func (l Linear) Host(Batch) (ns int64) { return 0 }

// Roofline times steps by what the device can compute and what it can read: the longer of both, and what the host takes.
//
// Computed are 2 x parameters for each token, and for attention 2 x layers x width x S x (S + 2C) for S tokens behind C
// known ones; read are the parameters once and the keys and values of the context.
type Roofline struct {
	Model   Model
	Device  Device
	Devices int // that share the model; at least 1

	Compute float64 // share of the device's FLOPS that a prefill gets, in (0, 1]
	Read    float64 // share of the memory's rate that a decode gets, in (0, 1]

	Overhead    int64   // nanoseconds of the host at every step
	PerSequence int64   // nanoseconds of the host for every sequence that decodes
	PerContext  float64 // nanoseconds of the host for every token that a decoding sequence has behind it
	Captured    int     // sequences up to which a step is launched as one graph; 0 is any number
	Launch      int64   // nanoseconds of the host at every step of more
	Mask        int64   // nanoseconds of the host at every step that has a masked sequence

	Offloaded float64  // share of the weights that stay in the host's memory and are copied at every step
	Changes   []Change // sorted by time
}

// A Change makes the device slower, or fast again, from a time on.
type Change struct {
	From            int64
	Compute, Memory float64 // share of the device's rate that is left, in (0, 1]
}

// NewRoofline returns the timing of a well-configured server. The shares are those that others measured: 45 % of the
// FLOPS in prefill (BLIS, hardware_config.json of inference-sim for H100), 80 % of the memory's rate in decode
// (AIConfigurator, mem_bw_empirical_scaling_factor).
func NewRoofline(m Model, d Device, devices int) Roofline {
	return Roofline{Model: m, Device: d, Devices: devices, Compute: 0.45, Read: 0.8, Overhead: 1_500_000, PerSequence: 20_000}
}

// Step returns the time of one step. Products are rounded one by one, so that every machine gets the same.
func (r Roofline) Step(b Batch) (ns int64) {
	if b.Copied > 0 {
		ns = int64(b.Copied / r.Device.Bus * 1e9)
	}
	tokens := float64(b.Prompt + b.Decodes)
	if tokens == 0 {
		return ns
	}
	compute, memory := r.Compute, r.Read
	for _, c := range r.Changes {
		if c.From <= b.At {
			compute, memory = float64(r.Compute*c.Compute), float64(r.Read*c.Memory)
		}
	}
	m, n := r.Model, float64(max(1, r.Devices))
	attention := float64(2 * float64(m.Layers) * float64(m.Hidden))
	flops := float64(2*m.Params*tokens) + float64(attention*(b.Squares+2*float64(b.Context)))
	bytes := m.Weights() + float64(m.KVBytes()*float64(b.Context))
	seconds := max(flops/(n*r.Device.FLOPS*compute), bytes/(n*r.Device.Memory*memory))
	if r.Offloaded > 0 {
		seconds = max(seconds, float64(r.Offloaded*m.Weights())/(n*r.Device.Bus))
	}
	return ns + int64(float64(seconds*1e9)) + r.Host(b)
}

// Host returns the part of a step in which no kernel runs, since the host prepares it.
func (r Roofline) Host(b Batch) (ns int64) {
	if b.Prompt+b.Decodes == 0 {
		return 0
	}
	ns = r.Overhead + r.PerSequence*int64(b.Decodes) + int64(float64(r.PerContext*float64(b.Context)))
	if r.Captured > 0 && b.Decodes > r.Captured {
		ns += r.Launch
	}
	if b.Masked {
		ns += r.Mask
	}
	return ns
}
