package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Why one span of a JSON document is refused, beside the reasons of [FromTraces].
const (
	ReasonID   = "id is neither hexadecimal nor base64 of its length"
	ReasonTime = "time is no integer of nanoseconds"
	ReasonEnum = "kind or status is no number and no name that OTLP has"
)

// checks collect the first reason why a span cannot be kept.
type checks struct{ reason string }

func (c *checks) fail(reason string) {
	if c.reason == "" {
		c.reason = reason
	}
}

// id reads an id in hexadecimal, as OTLP/JSON has it, or in base64, as protobuf's own JSON mapping has it. Leading zeros
// may be missing.
func (c *checks) id(dst []byte, v scalar) {
	if v.kind == 'n' || v.kind == '"' && len(v.text) == 0 {
		return
	}
	if v.kind == '"' && parseID(dst, v.text) {
		return
	}
	clear(dst)
	c.fail(ReasonID)
}

func parseID(dst, text []byte) bool {
	if len(text) == 2*len(dst) {
		_, err := hex.Decode(dst, text)
		return err == nil
	}
	if len(text) == base64.StdEncoding.EncodedLen(len(dst)) { // 24 or 12: no whole id has that many hex digits
		var room [18]byte
		if n, err := base64.StdEncoding.Decode(room[:], text); err == nil && n == len(dst) {
			copy(dst, room[:n])
			return true
		}
	}
	if len(text) > 2*len(dst) {
		return false
	}
	padded := [32]byte{}
	digits := padded[:2*len(dst)]
	for i := range digits {
		digits[i] = '0'
	}
	copy(digits[len(digits)-len(text):], text)
	_, err := hex.Decode(dst, digits)
	return err == nil
}

// nanos reads nanoseconds since the Unix epoch.
func (c *checks) nanos(v scalar) int64 {
	if v.kind == 'n' || v.kind == '"' && len(v.text) == 0 {
		return 0
	}
	i, ok := v.integer()
	switch {
	case ok && i >= 0:
		return i
	case ok:
		c.fail(ReasonTimeRange)
	default:
		if f, isNumber := v.float(); isNumber && f >= math.MaxInt64 {
			c.fail(ReasonTimeRange)
		} else {
			c.fail(ReasonTime)
		}
	}
	return 0
}

// enum reads a number from 0 to 255, or the name of one.
func (c *checks) enum(v scalar, names map[string]uint8, outOfRange string) uint8 {
	if v.kind == 'n' {
		return 0
	}
	if i, ok := v.integer(); ok {
		if i < 0 || i > math.MaxUint8 {
			c.fail(outOfRange)
		}
		return uint8(i)
	}
	i, ok := names[v.str()]
	if !ok {
		c.fail(ReasonEnum)
	}
	return i
}

func (c *checks) identity(s *analyzer.Span) {
	switch {
	case c.reason != "":
	case s.TraceID.IsZero():
		c.fail(ReasonTraceID)
	case s.ID.IsZero():
		c.fail(ReasonSpanID)
	}
}

var kindNames = map[string]uint8{
	"SPAN_KIND_UNSPECIFIED": 0, "SPAN_KIND_INTERNAL": 1, "SPAN_KIND_SERVER": 2, "SPAN_KIND_CLIENT": 3,
	"SPAN_KIND_PRODUCER": 4, "SPAN_KIND_CONSUMER": 5, "": 0,
}

var statusNames = map[string]uint8{"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2, "": 0}

// micros reads microseconds and returns nanoseconds. Fractions of a microsecond count to the nanosecond.
func (c *checks) micros(v scalar) int64 {
	if v.kind == 'n' {
		return 0
	}
	if whole, fraction, ok := bytes.Cut(v.text, []byte(".")); ok && v.kind == '0' && !bytes.ContainsAny(fraction, "eE") {
		us, err := strconv.ParseInt(string(whole), 10, 64)
		ns, err2 := strconv.ParseInt((string(fraction) + "000")[:3], 10, 64)
		if err == nil && err2 == nil {
			if v.text[0] == '-' {
				ns = -ns
			}
			return c.plus(c.times1000(us), ns)
		}
	}
	us, ok := v.integer()
	if !ok {
		c.fail(ReasonTime)
		return 0
	}
	return c.times1000(us)
}

func (c *checks) times1000(us int64) int64 {
	if us > math.MaxInt64/1000 || us < math.MinInt64/1000 {
		c.fail(ReasonTimeRange)
		return 0
	}
	return us * 1000
}

func (c *checks) plus(a, b int64) int64 {
	sum := a + b
	if sum < 0 || a < 0 || (b >= 0 && sum < a) {
		c.fail(ReasonTimeRange)
		return 0
	}
	return sum
}
