package analyzer

import (
	"fmt"
	"slices"
	"strings"
)

// A Phase names what an inference request was waiting for or doing during a stretch of its time.
type Phase uint8

// The phases. The zero value is honest ignorance: time that the telemetry does not explain.
const (
	Unattributed Phase = iota
	Queue
	Tokenize
	GPUTransfer
	Prefill
	Decode
	Frontend
	Network
	Gateway
	ModelLoad
	Detokenize
	Stream
	Client
	Retry
	Tool
	Other
	NumPhases = iota // how many phases there are
)

// Phases lists every phase in the order that reports use: the five that users name, the rest, then ignorance.
var Phases = [NumPhases]Phase{
	Queue, Tokenize, GPUTransfer, Prefill, Decode,
	Frontend, Network, Gateway, ModelLoad, Detokenize, Stream, Client, Retry, Tool, Other, Unattributed,
}

// CorePhases are the five phases that users name; every analysis says something about each of them.
var CorePhases = [...]Phase{Queue, Tokenize, GPUTransfer, Prefill, Decode}

var phaseNames = [NumPhases]string{
	"unattributed", "queue", "tokenize", "gpu_transfer", "prefill", "decode", "frontend", "network", "gateway",
	"model_load", "detokenize", "stream", "client", "retry", "tool", "other",
}

func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

// ParsePhase returns the phase of that name.
func ParsePhase(name string) (Phase, error) {
	for i, n := range phaseNames {
		if n == name {
			return Phase(i), nil
		}
	}
	return Unattributed, fmt.Errorf("phase %q is unknown: want one of %q", name, phaseNames)
}

// MarshalText spells p by its name.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads p by its name.
func (p *Phase) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePhase(string(text))
	return err
}

// A PhaseSet is a set of phases.
type PhaseSet uint32

// SetOf returns the set of the given phases.
func SetOf(phases ...Phase) PhaseSet {
	var s PhaseSet
	for _, p := range phases {
		s |= 1 << p
	}
	return s
}

// Has reports whether p is in s.
func (s PhaseSet) Has(p Phase) bool { return s&(1<<p) != 0 }

// Phases returns the members of s in report order.
func (s PhaseSet) Phases() []Phase {
	var list []Phase
	for _, p := range Phases {
		if s.Has(p) {
			list = append(list, p)
		}
	}
	return list
}

// A Source says where the knowledge of a part came from, best first.
type Source uint8

// The sources of a part.
const (
	SourceSpan      Source = iota // a span of its own
	SourceEvent                   // between two events of a span
	SourceAttribute               // a duration stated as an attribute
	SourceInferred                // what was left between stated parts
)

var sourceNames = [...]string{"span", "event", "attribute", "inferred"}

func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return fmt.Sprintf("source(%d)", uint8(s))
}

// MarshalText spells s by its name.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Source) UnmarshalText(text []byte) error {
	i := slices.Index(sourceNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("source %q is unknown: want one of %s", text, strings.Join(sourceNames[:], ", "))
	}
	*s = Source(i)
	return nil
}

// A Part is a stretch of time known to be one phase, or known to be one of several that this telemetry cannot separate.
type Part struct {
	Start, End int64 // nanoseconds since the Unix epoch
	Phase      Phase
	Detail     string // finer than the phase, for example "weight_load" of gpu_transfer; "" when unknown
	// Covers is set when several phases cannot be told apart. Phase is then Unattributed; or Decode, for the time after
	// the first chunk as a caller sees it, which streaming and the network are a small part of.
	Covers PhaseSet
	Source Source
}
