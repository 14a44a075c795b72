package dialect

import (
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Mapping is how the spans of a stack that has no dialect here are read, as its user describes them: rules, of which
// the first that matches a span holds.
type Mapping struct {
	Rules []MappingRule
}

// A MappingRule says what the spans that it matches are. What it leaves empty it says nothing about.
type MappingRule struct {
	// All of these must match.
	Service, Scope, Name Pattern
	Attributes           []AttributePattern

	Role analyzer.Role
	// Phases is what all of the span's time is that no duration explains: one phase, or several that cannot be told apart.
	Phases []analyzer.Phase
	Detail string
	// Durations are laid out in their order; where two overlap, the first holds.
	Durations []MappedDuration

	// Of a call, that is with RoleInference only: the first token, and the keys of attributes.
	FirstToken                                               MappedFirstToken
	Operation, Model, RequestID, Streaming                   string
	InputTokens, OutputTokens, CachedTokens, ReasoningTokens string
}

// A Pattern matches a text: exactly, or with Head and Tail a text that may go on before it or after it. The zero Pattern
// is no condition.
type Pattern struct {
	Text       string
	Head, Tail bool // anything may come before Text; after it
}

// ParsePattern reads a text with a "*" at its start, its end or both, which stands for any text; ok is false for one
// with a "*" elsewhere.
func ParsePattern(text string) (p Pattern, ok bool) {
	if text == "*" {
		return Pattern{Tail: true}, true
	}
	p.Text, p.Head = strings.CutPrefix(text, "*")
	p.Text, p.Tail = strings.CutSuffix(p.Text, "*")
	return p, !strings.Contains(p.Text, "*")
}

// Matches reports whether p matches text.
func (p Pattern) Matches(text string) bool {
	switch {
	case p.Head && p.Tail:
		return strings.Contains(text, p.Text)
	case p.Head:
		return strings.HasSuffix(text, p.Text)
	case p.Tail:
		return strings.HasPrefix(text, p.Text)
	}
	return p == Pattern{} || text == p.Text
}

// An AttributePattern is met by a span that has an attribute Key with a matching value; a value that is no text is
// compared as it prints.
type AttributePattern struct {
	Key   string
	Value Pattern
}

// A Unit is how an attribute states a duration or a time.
type Unit string

// Units lists every unit. The first four are numbers, the next three texts such as "1.5ms" (Go and Rust) and
// "00:00:01.5" (.NET); the last is a time, not a duration.
var Units = []Unit{"s", "ms", "us", "ns", "go", "rust", "dotnet", UnitTime}

// UnitTime is the unit of a time in the text form of RFC 3339.
const UnitTime Unit = "rfc3339"

var unitNanoseconds = map[Unit]float64{"s": second, "ms": millisecond, "us": microsecond, "ns": nanosecond}

// An Interval says where in a span a duration lies.
type Interval string

// The intervals. Durations with the same one do not overlap: those from the start and after the first token follow each
// other, those before the first token and until the end precede each other, in the order of the rule.
const (
	FromStart        Interval = "from start"
	BeforeFirstToken Interval = "before first token"
	AfterFirstToken  Interval = "after first token"
	UntilEnd         Interval = "until end"
)

// Intervals lists every interval.
var Intervals = []Interval{FromStart, BeforeFirstToken, AfterFirstToken, UntilEnd}

// A MappedDuration is an attribute that states how long a phase took, or several that cannot be told apart.
type MappedDuration struct {
	Attribute string
	Unit      Unit
	Phases    []analyzer.Phase
	Detail    string
	Interval  Interval
}

// A Reference is what a first token's time counts from.
type Reference string

// The references: the span's start, its end (backwards), and the Unix epoch, which makes it a time.
const (
	SinceStart Reference = "start"
	BeforeEnd  Reference = "end"
	SinceEpoch Reference = "epoch"
)

// References lists every reference.
var References = []Reference{SinceStart, BeforeEnd, SinceEpoch}

// A MappedFirstToken says where a span states its first token: in an attribute, or with the first event of a name.
type MappedFirstToken struct {
	Attribute string
	Unit      Unit
	From      Reference
	Event     Pattern
}

// Keys returns the keys of the span attributes that m reads.
func (m Mapping) Keys() []string {
	list := slices.Clone(callKeys)
	for i := range m.Rules {
		r := &m.Rules[i]
		for _, a := range r.Attributes {
			list = append(list, a.Key)
		}
		for _, d := range r.Durations {
			list = append(list, d.Attribute)
		}
		list = append(list, r.FirstToken.Attribute, r.Operation, r.Model, r.RequestID, r.Streaming,
			r.InputTokens, r.OutputTokens, r.CachedTokens, r.ReasoningTokens)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return slices.DeleteFunc(list, func(key string) bool { return key == "" })
}

// signs returns the attribute keys and span names of which a span that m matches bears one: the marks and names of its
// dialect. Both are empty when a rule asks for neither, so that every span has to be looked at.
func (m Mapping) signs() (marks, names []string) {
	for i := range m.Rules {
		r := &m.Rules[i]
		switch {
		case len(r.Attributes) > 0:
			marks = append(marks, r.Attributes[0].Key)
		case r.Name.Text != "" && !r.Name.Head:
			name := r.Name.Text
			if r.Name.Tail {
				name += "*"
			}
			names = append(names, name)
		default:
			return nil, nil
		}
	}
	return marks, names
}

// rule returns the first rule that matches s, or nil.
func (m Mapping) rule(s *analyzer.Span) *MappingRule {
	for i := range m.Rules {
		if m.Rules[i].matches(s) {
			return &m.Rules[i]
		}
	}
	return nil
}

func (r *MappingRule) matches(s *analyzer.Span) bool {
	if !r.Name.Matches(s.Name) || !r.Service.Matches(s.Service()) || !r.Scope.Matches(scopeName(s)) {
		return false
	}
	for _, a := range r.Attributes {
		v, ok := s.Attributes.Get(a.Key)
		if !ok {
			return false
		}
		text, isText := v.AsString()
		if !isText {
			text = v.String()
		}
		if !a.Value.Matches(text) {
			return false
		}
	}
	return true
}
