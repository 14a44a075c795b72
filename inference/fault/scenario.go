package fault

import (
	"fmt"
	"time"

	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A Scenario is a system, its load and what happens to its telemetry.
type Scenario struct {
	Config   sim.Config
	Workload sim.Workload
	Damage   emit.Damage
	// Share is the load over what the system can serve at most; 0 once a fault has set another kind of arrivals.
	Share float64
}

// Options choose a scenario without faults.
type Options struct {
	Seed     uint64
	Start    int64 // nanoseconds since the Unix epoch; 0 is a fixed day
	Length   int64 // nanoseconds in which requests arrive
	Workload string
	Replay   []arrival.Planned // a recorded load instead, in which Share and Length mean nothing
	Share    float64           // of what the system can serve; 0 is [DefaultShare]
	Model    sim.Model
	Device   sim.Device
	Replicas int
}

// DefaultShare is a load that a system serves without waiting.
const DefaultShare = 0.35

// A Shape is a kind of load by its name.
type Shape struct {
	Name, Doc string
	stream    sim.Stream
}

// Shapes lists the loads.
var Shapes = []Shape{
	{"chat", "short questions, answers of some sentences, a few system prompts", sim.Stream{
		Prompt: sim.Tokens{Median: 350, Sigma: 0.8, Low: 16, High: 4000}, Output: sim.Tokens{Median: 140, Sigma: 0.6, Low: 4, High: 800},
		Prefixes: 4, PrefixTokens: 256,
	}},
	{"code", "long contexts, short completions", sim.Stream{
		Prompt: sim.Tokens{Median: 1500, Sigma: 0.7, Low: 64, High: 7500}, Output: sim.Tokens{Median: 30, Sigma: 0.8, Low: 2, High: 300},
	}},
	{"retrieval", "documents behind a long shared beginning", sim.Stream{
		Prompt: sim.Tokens{Median: 1200, Sigma: 0.4, Low: 300, High: 4000}, Output: sim.Tokens{Median: 180, Sigma: 0.5, Low: 8, High: 600},
		Prefixes: 8, PrefixTokens: 2048,
	}},
	{"writing", "short instructions, long answers", sim.Stream{
		Prompt: sim.Tokens{Median: 120, Sigma: 0.6, Low: 16, High: 1000}, Output: sim.Tokens{Median: 500, Sigma: 0.4, Low: 50, High: 1500},
	}},
	{"summaries", "whole documents, answers of a paragraph", sim.Stream{
		Prompt: sim.Tokens{Median: 3500, Sigma: 0.4, Low: 500, High: 10_000}, Output: sim.Tokens{Median: 220, Sigma: 0.4, Low: 40, High: 600},
	}},
	{"agents", "short turns behind long instructions that a few agents share", sim.Stream{
		Prompt: sim.Tokens{Median: 400, Sigma: 0.7, Low: 32, High: 3000}, Output: sim.Tokens{Median: 60, Sigma: 0.7, Low: 4, High: 400},
		Prefixes: 6, PrefixTokens: 1536,
	}},
	{"translation", "pages, and as much again in another language", sim.Stream{
		Prompt: sim.Tokens{Median: 600, Sigma: 0.5, Low: 50, High: 2500}, Output: sim.Tokens{Median: 320, Sigma: 0.5, Low: 20, High: 1200},
	}},
	{"support", "long conversations behind instructions that all share, and short answers", sim.Stream{
		Prompt: sim.Tokens{Median: 1100, Sigma: 0.9, Low: 40, High: 6000}, Output: sim.Tokens{Median: 90, Sigma: 0.6, Low: 5, High: 500},
		Prefixes: 2, PrefixTokens: 640,
	}},
	{"extraction", "records out of documents, as short answers in a given form", sim.Stream{
		Prompt: sim.Tokens{Median: 1900, Sigma: 0.5, Low: 200, High: 7000}, Output: sim.Tokens{Median: 75, Sigma: 0.4, Low: 10, High: 300},
	}},
	{"tutoring", "exercises talked through behind instructions of a few courses, in answers of some length", sim.Stream{
		Prompt: sim.Tokens{Median: 650, Sigma: 0.7, Low: 30, High: 4000}, Output: sim.Tokens{Median: 260, Sigma: 0.5, Low: 20, High: 900},
		Prefixes: 3, PrefixTokens: 1024,
	}},
	{"minutes", "what was said in a meeting, and its minutes", sim.Stream{
		Prompt: sim.Tokens{Median: 2000, Sigma: 0.45, Low: 300, High: 7000}, Output: sim.Tokens{Median: 240, Sigma: 0.4, Low: 40, High: 700},
	}},
	{"queries", "questions behind descriptions of a few data bases, and the query for each", sim.Stream{
		Prompt: sim.Tokens{Median: 170, Sigma: 0.7, Low: 12, High: 2000}, Output: sim.Tokens{Median: 110, Sigma: 0.7, Low: 8, High: 600},
		Prefixes: 5, PrefixTokens: 1280,
	}},
}

// NewScenario returns a healthy system under a steady load.
func NewScenario(o Options) (*Scenario, error) {
	if o.Model.Name == "" {
		o.Model = sim.Llama8B
	}
	if o.Device.Name == "" {
		o.Device = sim.H100
	}
	if o.Length <= 0 {
		o.Length = int64(5 * time.Minute)
	}
	if o.Share <= 0 {
		o.Share = DefaultShare
	}
	if o.Workload == "" {
		o.Workload = Shapes[0].Name
	}
	s := &Scenario{Config: sim.NewConfig(o.Model, o.Device), Share: o.Share}
	s.Config.Seed, s.Config.Replicas = o.Seed, max(1, o.Replicas)
	if o.Start != 0 {
		s.Config.Start = o.Start
	}
	if s.Config.Engine.Blocks == 0 {
		return nil, fmt.Errorf("simulate: %s does not fit one %s", o.Model.Name, o.Device.Name)
	}
	var names []string
	for _, shape := range Shapes {
		names = append(names, shape.Name)
		if shape.Name == o.Workload {
			stream := shape.stream
			stream.Name = shape.Name
			s.Workload = sim.Workload{Length: o.Length, Streams: []sim.Stream{stream}}
		}
	}
	if o.Replay != nil {
		s.Share = 0
		s.Workload = sim.Workload{
			Length: o.Replay[len(o.Replay)-1].At + 1, Streams: []sim.Stream{{Name: "replay", Replay: o.Replay}},
		}
		return s, nil
	}
	if s.Workload.Length == 0 {
		return nil, fmt.Errorf("simulate: workload %q is unknown: want one of %q", o.Workload, names)
	}
	return s, s.loadFor(s, o.Share)
}

// loadFor lets requests of the first stream arrive by chance, at a share of what another system can serve of them. A
// recorded load stays as it is.
func (s *Scenario) loadFor(system *Scenario, share float64) error {
	if s.Workload.Streams[0].Replay != nil {
		return nil
	}
	rate, err := system.capacity()
	if err != nil {
		return err
	}
	s.Share = share
	s.Workload.Streams[0].Arrivals = arrival.Poisson(share * rate)
	return nil
}

// capacity is what the system can serve of the first stream, in requests a second.
func (s *Scenario) capacity() (float64, error) {
	stream := s.Workload.Streams[0]
	stream.Arrivals = arrival.Constant(10)
	return sim.Capacity(s.Config, sim.Workload{Length: s.Workload.Length, Streams: []sim.Stream{stream}})
}

// Run simulates the scenario.
func (s *Scenario) Run() (*sim.Run, error) { return sim.Simulate(s.Config, s.Workload) }

// Move lets the load begin at another time, in nanoseconds since the Unix epoch, and all that is injected with it.
func (s *Scenario) Move(start int64) {
	shift := start - s.Config.Start
	s.Config.Start = start
	for i := range s.Config.Pauses {
		s.Config.Pauses[i].At += shift
	}
	for i := range s.Config.Scale {
		s.Config.Scale[i].At += shift
	}
	for i := range s.Config.Drain {
		s.Config.Drain[i] += shift
	}
	s.change(func(r *sim.Roofline) {
		for i := range r.Changes {
			r.Changes[i].From += shift
		}
	})
}
