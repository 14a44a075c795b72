package rules

import (
	"math"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Kind is the type of a variable or a parameter.
type Kind uint8

// The kinds of values.
const (
	Number Kind = iota
	Duration
	Bool
	Text
)

var kindNames = [...]string{"number", "duration", "bool", "text"}

func (k Kind) String() string { return kindNames[k] }

// MarshalText spells k by its name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnitShare is the unit of numbers from 0 to 1 that print as a percentage.
const UnitShare = "share"

// A Variable is something that rules can speak of.
type Variable struct {
	Name   string         `json:"name"`
	Kind   Kind           `json:"kind"`
	Unit   string         `json:"unit,omitempty"` // of a number, for example "share" or "tokens"; durations have none
	Doc    string         `json:"doc"`
	Phase  analyzer.Phase `json:"-"` // whose time it speaks of; Unattributed for none
	Supply *Supply        `json:"-"` // what feeds it
}

// A Measure is the value of a variable, or why there is none.
type Measure struct {
	Known  bool
	Number float64 // a number, or a duration in nanoseconds
	Bool   bool
	Text   string
	// Interval says that Low and High bound Number with 95 % confidence.
	Interval  bool
	Low, High float64
	N         int    // what it was computed from, for example requests; 0 where that means nothing
	Why       string // why it is not known, in words, when more is to be said than that its inputs are missing
}

// number returns a measure of x, unknown if it is not finite.
func number(x float64, n int) Measure {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return Measure{}
	}
	return Measure{Known: true, Number: x, N: n}
}

// span returns a measure of a duration in nanoseconds.
func span[T int64 | float64 | time.Duration](ns T, n int) Measure { return number(float64(ns), n) }

// truth returns a measure that is true or false.
func truth(b bool) Measure { return Measure{Known: true, Bool: b} }

// text returns a measure that is a text.
func text(s string) Measure { return Measure{Known: true, Text: s} }

// unknown returns a measure that is missing, with the reason.
func unknown(why string) Measure { return Measure{Why: why} }

// within adds an interval.
func (m Measure) within(low, high float64) Measure {
	if m.Known && !math.IsNaN(low) && !math.IsNaN(high) && !math.IsInf(low, 0) && !math.IsInf(high, 0) {
		m.Interval, m.Low, m.High = true, low, high
	}
	return m
}

// Measures are the values of variables by name; a variable that is not in it is not known.
type Measures map[string]Measure
