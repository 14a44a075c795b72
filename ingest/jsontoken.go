package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// A scalar is a JSON string, number or literal. Its text is valid until the stream moves on.
type scalar struct {
	kind byte // '"' string, '0' number, 't', 'f', 'n'; 0 for an object or array, which was skipped
	text []byte
}

// scalar consumes a value of any type and returns it if it is no object or array.
func (s *jsonStream) scalar() scalar {
	switch s.next() {
	case '"':
		return scalar{'"', s.token()}
	case '{', '[', 0:
		s.skip()
		return scalar{}
	}
	return s.bare()
}

// text consumes a value and returns it if it is a string, else "".
func (s *jsonStream) text() string {
	if s.next() != '"' {
		s.skip()
		return ""
	}
	return s.interned.text(s.token())
}

// plain[b] says that b stands for itself inside a JSON string.
var plain = func() (table [256]bool) {
	for b := range table {
		table[b] = b >= ' ' && b != '"' && b != '\\'
	}
	return table
}()

// token consumes a string and returns its contents, valid until the stream moves on.
func (s *jsonStream) token() []byte {
	if s.err != nil {
		return nil
	}
	s.pos++ // the quote
	s.unescaped = s.unescaped[:0]
	ascii := true
	from := s.pos // of what is not in unescaped yet
	i := s.pos
	for {
		for i < s.end && plain[s.buf[i]] {
			if s.buf[i] >= utf8.RuneSelf {
				ascii = false
			}
			i++
		}
		if i == s.end {
			if i-s.pos > s.maxToken || len(s.unescaped) > s.maxToken {
				s.fail(fmt.Errorf("a string is longer than %d bytes: raise the limit for one record to read it", s.maxToken))
				return nil
			}
			// What was seen moves to the front of the buffer with pos.
			shift := s.pos
			if !s.fill() {
				s.pos = s.end
				s.endInside()
				return nil
			}
			i, from = i-shift+s.pos, from-shift+s.pos
			continue
		}
		switch b := s.buf[i]; b {
		case '"':
			contents := s.buf[from:i]
			if len(s.unescaped) > 0 {
				s.unescaped = append(s.unescaped, contents...)
				contents = s.unescaped
			}
			s.pos = i + 1
			if !ascii && !utf8.Valid(contents) {
				s.invalidUTF8++
				contents = bytes.ToValidUTF8(contents, []byte("\uFFFD"))
			}
			return contents
		case '\\':
			s.unescaped = append(s.unescaped, s.buf[from:i]...)
			s.pos = i
			if !s.escape() {
				return nil
			}
			ascii = false
			i, from = s.pos, s.pos
		default:
			s.pos = i
			if b == '\n' {
				s.fail(fmt.Errorf("invalid JSON: a string is not closed"))
			} else {
				s.fail(fmt.Errorf("invalid JSON: control character %#02x in a string", b))
			}
			return nil
		}
	}
}

func (s *jsonStream) endInside() {
	if s.readErr != nil && !errors.Is(s.readErr, io.EOF) {
		s.fail(s.readErr)
		return
	}
	s.fail(errInputEnds)
}

// need makes n unused bytes available; false when the input ends before.
func (s *jsonStream) need(n int) bool {
	for s.end-s.pos < n {
		if !s.fill() {
			s.endInside()
			return false
		}
	}
	return true
}

// escape consumes one escape sequence, or the two of a surrogate pair.
func (s *jsonStream) escape() bool {
	if !s.need(2) {
		return false
	}
	b := s.buf[s.pos+1]
	switch b {
	case '"', '\\', '/':
	case 'b':
		b = '\b'
	case 'f':
		b = '\f'
	case 'n':
		b = '\n'
	case 'r':
		b = '\r'
	case 't':
		b = '\t'
	case 'u':
		return s.escapedRune()
	default:
		s.fail(fmt.Errorf("invalid JSON: escape \\%c in a string", b))
		return false
	}
	s.unescaped = append(s.unescaped, b)
	s.pos += 2
	return true
}

func (s *jsonStream) escapedRune() bool {
	r, ok := s.hexRune()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(r) {
		if !s.need(2) {
			return false
		}
		pair := rune(utf8.RuneError)
		if s.buf[s.pos] == '\\' && s.buf[s.pos+1] == 'u' {
			at := s.pos
			low, ok := s.hexRune()
			if !ok {
				return false
			}
			if pair = utf16.DecodeRune(r, low); pair == utf8.RuneError {
				// The second escape is no low surrogate, so it stands for itself.
				s.pos -= s.pos - at
			}
		}
		if pair == utf8.RuneError {
			s.invalidUTF8++
		}
		r = pair
	}
	s.unescaped = utf8.AppendRune(s.unescaped, r)
	return true
}

// hexRune consumes \uXXXX.
func (s *jsonStream) hexRune() (rune, bool) {
	if !s.need(6) {
		return 0, false
	}
	code, err := strconv.ParseUint(string(s.buf[s.pos+2:s.pos+6]), 16, 16)
	if err != nil {
		s.fail(fmt.Errorf("invalid JSON: escape %q in a string", s.buf[s.pos:s.pos+6]))
		return 0, false
	}
	s.pos += 6
	return rune(code), true
}

// bare consumes a number or a literal.
func (s *jsonStream) bare() scalar {
	if s.next() == 0 {
		if s.err == nil {
			s.fail(errInputEnds)
		}
		return scalar{}
	}
	i := s.pos
	for {
		for i < s.end && isBare(s.buf[i]) {
			i++
		}
		if i < s.end {
			break
		}
		if i-s.pos > s.maxToken {
			s.fail(fmt.Errorf("a number is longer than %d bytes", s.maxToken))
			return scalar{}
		}
		used := i - s.pos
		more := s.fill()
		i = s.pos + used
		if !more {
			break
		}
	}
	text := s.buf[s.pos:i]
	kind := bareKind(text)
	if kind == 0 {
		s.unexpected("a value")
		return scalar{}
	}
	s.pos = i
	return scalar{kind, text}
}

func isBare(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '-' || b == '+' || b == '.'
}

// bareKind returns the kind of a scalar without quotes, 0 when it is none.
func bareKind(text []byte) byte {
	switch string(text) {
	case "true":
		return 't'
	case "false":
		return 'f'
	case "null":
		return 'n'
	case "NaN", "Infinity", "-Infinity":
		return '0'
	case "":
		return 0
	}
	if b := text[0]; b != '-' && (b < '0' || b > '9') {
		return 0
	}
	for _, b := range text {
		if (b < '0' || b > '9') && b != '-' && b != '+' && b != '.' && b != 'e' && b != 'E' {
			return 0
		}
	}
	return '0'
}

// str returns the text without copying it; it is valid as long as the scalar is.
func (v scalar) str() string { return unsafe.String(unsafe.SliceData(v.text), len(v.text)) }

// integer returns a number, or a string that spells one; ok is false for anything else, fractions and what int64 cannot
// hold included.
func (v scalar) integer() (i int64, ok bool) {
	if v.kind != '0' && v.kind != '"' {
		return 0, false
	}
	i, err := strconv.ParseInt(v.str(), 10, 64)
	if err == nil {
		return i, true
	}
	// Some writers pass integers through a float: 1.7e18, or 12.0.
	f, err := strconv.ParseFloat(v.str(), 64)
	if err != nil || f != float64(int64(f)) || f >= 1<<63 || f < -1<<63 {
		return 0, false
	}
	return int64(f), true
}

// float returns a number, or a string that spells one.
func (v scalar) float() (f float64, ok bool) {
	if v.kind != '0' && v.kind != '"' {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.str(), 64)
	return f, err == nil
}
