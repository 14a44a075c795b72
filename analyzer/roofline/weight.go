package roofline

import "math"

// Parameters returns how many parameters m has. Norms and biases, a few millionths of it, are left out.
func (m *Model) Parameters() float64 {
	total := m.layersShared() + m.head()
	if !m.Tied {
		total += m.head() // the table that tokens are looked up in
	}
	if m.Experts != nil {
		total += float64(m.Experts.Count) * m.expert()
	}
	return total
}

// Active returns how many of them compute one token: all but the lookup table and the experts not chosen.
func (m *Model) Active() float64 { return m.activeBody() + m.head() }

// activeBody leaves out the output head, which a prefill computes for its last token only.
func (m *Model) activeBody() float64 {
	active := m.layersShared()
	if m.Experts != nil {
		active += float64(m.Experts.PerToken) * m.expert()
	}
	return active
}

func (m *Model) head() float64 { return float64(m.Vocab) * float64(m.Hidden) }

// layersShared returns the parameters of the layers that every token passes.
func (m *Model) layersShared() float64 {
	d := float64(m.Hidden)
	attention := float64(m.fullLayers()) * m.attention()
	if l := m.Linear; l != nil {
		keys, values := float64(l.KeyHeads*l.KeyHeadDim), float64(l.ValueHeads*l.ValueHead)
		attention += float64(m.Layers-l.FullLayers) * (d*(2*keys+2*values) + 2*d*float64(l.ValueHeads) + values*d)
	}
	e := m.Experts
	if e == nil {
		return attention + float64(m.Layers)*m.matrices()*d*float64(m.Intermediate)
	}
	dense := float64(e.DenseLayers) * m.matrices() * d * float64(m.Intermediate)
	every := float64(m.Layers-e.DenseLayers) * (d*float64(e.Count) + m.matrices()*d*float64(e.Shared))
	return attention + dense + every
}

// expert returns the parameters of one expert of every layer together.
func (m *Model) expert() float64 {
	e := m.Experts
	return float64(m.Layers-e.DenseLayers) * m.matrices() * float64(m.Hidden) * float64(e.Intermediate)
}

func (m *Model) matrices() float64 {
	if m.Ungated {
		return 2
	}
	return 3
}

// attention returns the parameters of one layer of softmax attention.
func (m *Model) attention() float64 {
	d, heads := float64(m.Hidden), float64(m.Heads)
	if l := m.Latent; l != nil {
		query := float64(l.NopeDim + l.RopeDim)
		return d*float64(l.QueryRank) + float64(l.QueryRank)*heads*query +
			d*float64(l.KVRank+l.RopeDim) + float64(l.KVRank)*heads*float64(l.NopeDim+l.ValueDim) + heads*float64(l.ValueDim)*d
	}
	dim := float64(m.HeadDim)
	p := 2*d*heads*dim + 2*d*float64(m.KVHeads)*dim
	if m.Linear != nil {
		p += d * heads * dim // the gate of the queries
	}
	return p
}

// fullLayers returns how many layers have softmax attention.
func (m *Model) fullLayers() int {
	if m.Linear != nil {
		return m.Linear.FullLayers
	}
	return m.Layers
}

// CacheElements returns how many numbers the KV cache holds for a sequence of that many tokens.
func (m *Model) CacheElements(context float64) float64 {
	windowed := float64(m.WindowLayers) * min(context, float64(m.Window))
	full := float64(m.fullLayers()-m.WindowLayers) * context
	return (windowed + full) * m.cacheWidth()
}

// cacheWidth returns how many numbers one token adds to one layer.
func (m *Model) cacheWidth() float64 {
	if l := m.Latent; l != nil {
		return float64(l.KVRank + l.RopeDim)
	}
	return 2 * float64(m.KVHeads*m.HeadDim)
}

// stateElements returns how many numbers a sequence keeps in layers of linear attention.
func (m *Model) stateElements() float64 {
	if m.Linear == nil {
		return 0
	}
	l := m.Linear
	return float64(m.Layers-l.FullLayers) * float64(l.ValueHeads*l.KeyHeadDim*l.ValueHead)
}

// visited returns the expected share of the experts that a step of that many tokens visits, if routers choose evenly.
func (e *Experts) visited(tokens float64) float64 {
	return 1 - math.Pow(1-float64(e.PerToken)/float64(e.Count), tokens)
}
