package report

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// What a report goes by when it says how many requests there were in truth.
const (
	SamplingAssumed = "assumed complete" // nothing is stated
	SamplingFact    = "stated as a fact"
	SamplingTraces  = "stated by the traces"
)

// A Sampling says which share of the requests the traces show. Counts are of those seen; the estimate stands beside.
type Sampling struct {
	Basis    string `json:"basis"`
	Complete bool   `json:"complete"`   // every request counts as seen
	Stated   int    `json:"stated"`     // requests whose traces state a probability
	NoRate   int    `json:"no_rate"`    // requests that a sampler without a fixed rate kept
	Silent   int    `json:"not_stated"` // requests whose traces state nothing; they count once
	// Lowest and Highest are the least and the greatest of the probabilities gone by.
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
	// Estimated is how many requests there were; absent when the set is complete. With requests of no rate among them
	// it is a lower bound.
	Estimated  *Estimated `json:"estimated_requests,omitempty"`
	LowerBound bool       `json:"lower_bound,omitempty"`
	// Suspected says that over 5 % of the traces lack spans of processes that sent others, though none is said to be
	// sampled.
	Suspected bool `json:"suspected"`
}

// An Estimated is an estimate with its 95 % interval.
type Estimated struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// suspectShare is the share of partial traces from which sampling is suspected. It is a choice of ours.
const suspectShare = 0.05

// probability returns with which probability rec was kept, as [population.Record.Probability]. What people state goes
// before what traces state: they know of samplers further down that leave no mark.
func (o *Options) probability(rec *population.Record) float64 {
	if p, ok := o.Facts.Sampling(); ok {
		return p
	}
	return rec.Probability
}

func sampling(p *population.Population, o *Options) Sampling {
	s := Sampling{Basis: SamplingAssumed}
	var count population.TrueCount
	for i := range p.Records {
		rec := &p.Records[i]
		switch rec.Probability {
		case 0:
			s.Silent++
		case analyzer.UnknownRate:
			s.NoRate++
		default:
			s.Stated++
		}
		probability := o.probability(rec)
		count.Add(probability)
		if probability <= 0 {
			probability = 1
		}
		if i == 0 || probability < s.Lowest {
			s.Lowest = probability
		}
		s.Highest = max(s.Highest, probability)
	}
	switch _, fact := o.Facts.Sampling(); {
	case fact:
		s.Basis = SamplingFact
	case s.Stated+s.NoRate > 0:
		s.Basis = SamplingTraces
	}
	s.LowerBound = count.UnknownRate > 0
	s.Complete = !s.LowerBound && s.Lowest == s.Highest && (s.Highest == 1 || count.Seen == 0)
	if !s.Complete {
		e := count.Estimate()
		s.Estimated = &Estimated{e.Value, e.Low, e.High}
	}
	if s.Basis == SamplingAssumed && p.Traces > 0 {
		s.Suspected = float64(p.DoubtfulTraces[doubtNumber(population.WarnPartialTrace)]) >= suspectShare*float64(p.Traces)
	}
	return s
}

// doubtNumber returns the place of a doubt in [population.Doubts].
func doubtNumber(name string) int {
	for i := range population.Doubts {
		if population.Doubts[i].Name == name {
			return i
		}
	}
	return -1
}
