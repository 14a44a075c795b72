package population

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A savedSample is a sample as it is saved: columns, one number a request. Times are microseconds but for TPOT, which is
// nanoseconds; -1 stands for unknown.
type savedSample struct {
	Of     int           `json:"of"`
	Since  int64         `json:"since_ns"`
	Until  int64         `json:"until_ns"`
	Models []string      `json:"models"`
	Blocks int           `json:"blocks"`
	Start  Column        `json:"start_us"`
	TTFT   Column        `json:"ttft_us"`
	TPOT   Column        `json:"tpot_ns"`
	ITL    Column        `json:"itl_max_us"`
	E2E    Column        `json:"e2e_us"`
	Input  Column        `json:"input_tokens"`
	Output Column        `json:"output_tokens"`
	Cached Column        `json:"cached_tokens"`
	Model  Column        `json:"model"`
	Block  Column        `json:"block"`
	Failed Column        `json:"failed"`
	Phases []savedColumn `json:"phases"`
}

type savedColumn struct {
	Path  Path             `json:"path"`
	Phase analyzer.Phase   `json:"phase"`
	Apart []analyzer.Phase `json:"not_separable,omitempty"`
	Time  Column           `json:"us"`
}

// A field is one of a request's numbers with its column, and how many of its unit the column's is.
type field struct {
	column *Column
	of     func(*SampledRequest) *int64
	unit   int64
}

func (s *savedSample) fields() []field {
	return []field{
		{&s.Start, func(r *SampledRequest) *int64 { return &r.Start }, 1000},
		{&s.TTFT, func(r *SampledRequest) *int64 { return &r.TTFT }, 1000},
		{&s.TPOT, func(r *SampledRequest) *int64 { return &r.TPOT }, 1},
		{&s.ITL, func(r *SampledRequest) *int64 { return &r.ITL }, 1000},
		{&s.E2E, func(r *SampledRequest) *int64 { return &r.E2E }, 1000},
		{&s.Input, func(r *SampledRequest) *int64 { return &r.Input }, 1},
		{&s.Output, func(r *SampledRequest) *int64 { return &r.Output }, 1},
		{&s.Cached, func(r *SampledRequest) *int64 { return &r.Cached }, 1},
		{&s.Model, func(r *SampledRequest) *int64 { return &r.Model }, 1},
		{&s.Block, func(r *SampledRequest) *int64 { return &r.Block }, 1},
		{&s.Failed, func(r *SampledRequest) *int64 { return &r.Failed }, 1},
	}
}

// MarshalJSON saves s.
func (s *Sample) MarshalJSON() ([]byte, error) {
	out := savedSample{Of: s.Of, Since: s.Since, Until: s.Until, Models: append([]string{}, s.Names...), Blocks: s.Blocks, Phases: []savedColumn{}}
	for _, f := range out.fields() {
		*f.column = make(Column, len(s.Requests))
		for i := range s.Requests {
			(*f.column)[i] = toUnit(*f.of(&s.Requests[i]), f.unit)
		}
	}
	for k, st := range s.Stretches {
		c := savedColumn{Path: st.Path, Phase: st.Phase, Time: make(Column, len(s.Requests))}
		if st.Covers != 0 {
			c.Apart = st.Covers.Phases()
		}
		for i := range s.Requests {
			c.Time[i] = toUnit(s.Requests[i].Phases[k], 1000)
		}
		out.Phases = append(out.Phases, c)
	}
	return json.Marshal(out)
}

// toUnit rounds to the unit and keeps -1, which is unknown.
func toUnit(x, unit int64) int64 {
	if x < 0 {
		return x
	}
	return (x + unit/2) / unit
}

var errUnevenSample = errors.New("its columns are not all as long")

// UnmarshalJSON reads a saved sample and refuses one that does not fit together.
func (s *Sample) UnmarshalJSON(text []byte) error {
	var in savedSample
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("read the sample of requests: %w", err)
	}
	*s = Sample{Of: in.Of, Since: in.Since, Until: in.Until, Names: in.Models, Blocks: in.Blocks, Requests: make([]SampledRequest, len(in.Start))}
	for _, f := range in.fields() {
		if len(*f.column) != len(s.Requests) {
			return fmt.Errorf("read the sample of requests: %w", errUnevenSample)
		}
		for i, x := range *f.column {
			*f.of(&s.Requests[i]) = fromUnit(x, f.unit)
		}
	}
	for _, c := range in.Phases {
		if len(c.Time) != len(s.Requests) {
			return fmt.Errorf("read the sample of requests: %w", errUnevenSample)
		}
		s.Stretches = append(s.Stretches, Stretch{c.Phase, analyzer.SetOf(c.Apart...), c.Path})
		for i, x := range c.Time {
			s.Requests[i].Phases = append(s.Requests[i].Phases, max(fromUnit(x, 1000), 0))
		}
	}
	return s.check()
}

// fromUnit undoes toUnit; what is out of range stands for unknown.
func fromUnit(x, unit int64) int64 {
	if x < 0 || x > 1<<62/unit {
		return -1
	}
	return x * unit
}

// check refuses numbers that point nowhere.
func (s *Sample) check() error {
	for i := range s.Requests {
		r := &s.Requests[i]
		if r.Model < 0 || r.Model >= int64(len(s.Names)) || r.Block < 0 || r.Block >= int64(s.Blocks) || r.Failed != 0 && r.Failed != 1 || r.Start < 0 {
			return fmt.Errorf("read the sample of requests: request %d names a model or a block that is not there", i)
		}
	}
	if s.Of < len(s.Requests) || s.Until < s.Since || s.Blocks > s.Of {
		return errors.New("read the sample of requests: its counts contradict each other")
	}
	return nil
}
