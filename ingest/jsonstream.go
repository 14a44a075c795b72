package ingest

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// A jsonStream reads JSON values one token at a time from a reader, in memory that does not grow with the values. The
// first error sticks: from then on every method returns zero values, so callers check once, at the end of a value.
//
// It differs from strict JSON where files of traces do: NaN and Infinity are numbers, and bytes that are no UTF-8
// become U+FFFD and are counted.
type jsonStream struct {
	r        io.Reader
	buf      []byte // buf[pos:end] is read but not used yet
	pos, end int
	readErr  error // what r returned last

	line     int   // of buf[pos], from 1
	offset   int64 // of buf[0]
	lineEnds bool  // a line break inside a value is an error: the input is one value a line
	depth    int
	maxToken int // longest string or number, in bytes
	err      error

	invalidUTF8 int // strings that held bytes that are no UTF-8
	unescaped   []byte
	interned    interner
	raw         *[]byte // while not nil, what is consumed is appended to it
	rawFrom     int
}

const jsonBuffer = 64 << 10

func newJSONStream(r io.Reader, maxToken int) *jsonStream {
	return &jsonStream{
		r: r, buf: make([]byte, jsonBuffer), line: 1, maxToken: maxToken,
		interned: newInterner(),
	}
}

var (
	errLineEnds  = errors.New("the line ends inside a value")
	errInputEnds = errors.New("the input ends inside a value")
)

func (s *jsonStream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// fill reads more behind the unused bytes; false at the end of the input.
func (s *jsonStream) fill() bool {
	if s.readErr != nil {
		return false
	}
	if s.raw != nil {
		*s.raw = append(*s.raw, s.buf[s.rawFrom:s.pos]...)
		s.rawFrom = 0
	}
	if s.pos > 0 {
		s.offset += int64(s.pos)
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
	}
	if s.end == len(s.buf) {
		bigger := make([]byte, 2*len(s.buf))
		copy(bigger, s.buf[:s.end])
		s.buf = bigger
	}
	for {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		s.readErr = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// position returns how many bytes were consumed.
func (s *jsonStream) position() int64 { return s.offset + int64(s.pos) }

// skipSpace moves to the next byte that is no space; false at the end of the input or of the line that a value is on.
func (s *jsonStream) skipSpace() bool {
	if s.err != nil {
		return false
	}
	for {
		for s.pos < s.end {
			switch s.buf[s.pos] {
			case '\n':
				if s.lineEnds && s.depth > 0 {
					s.fail(errLineEnds)
					return false
				}
				s.line++
			case ' ', '\t', '\r':
			default:
				return true
			}
			s.pos++
		}
		if !s.fill() {
			if !errors.Is(s.readErr, io.EOF) {
				s.fail(s.readErr)
			} else if s.depth > 0 {
				s.fail(errInputEnds)
			}
			return false
		}
	}
}

// next returns the first byte of the next value without using it up; 0 after an error or at the end of the input.
func (s *jsonStream) next() byte {
	if !s.skipSpace() {
		return 0
	}
	return s.buf[s.pos]
}

func (s *jsonStream) enter() bool {
	s.pos++
	s.depth++
	if s.depth > maxJSONDepth {
		s.fail(fmt.Errorf("values are nested deeper than %d levels", maxJSONDepth))
		return false
	}
	return true
}

// fields calls yield with each key of an object, which must consume the value; what is no object is skipped.
func (s *jsonStream) fields(yield func(key string) bool) {
	if s.next() != '{' {
		s.skip()
		return
	}
	if !s.enter() {
		return
	}
	for first := true; ; first = false {
		switch b := s.next(); {
		case s.err != nil:
			return
		case b == '}' && first:
		case b == ',' && !first:
			s.pos++
			if s.next() != '"' {
				s.unexpected("a key")
				return
			}
			fallthrough
		case b == '"' && first:
			key := s.text()
			if s.next() != ':' {
				s.unexpected("':' behind a key")
				return
			}
			s.pos++
			if !yield(key) || s.err != nil {
				return
			}
			continue
		case b != '}' && first:
			s.unexpected("a key or '}'")
			return
		case b != '}':
			s.unexpected("',' or '}' in an object")
			return
		}
		s.pos++
		s.depth--
		return
	}
}

// items calls yield before each item of an array, which must consume it; what is no array is skipped.
func (s *jsonStream) items(yield func() bool) {
	if s.next() != '[' {
		s.skip()
		return
	}
	if !s.enter() {
		return
	}
	for first := true; ; first = false {
		switch b := s.next(); {
		case s.err != nil:
			return
		case b == ']' && first:
		case b == ',' && !first:
			s.pos++
			if !yield() || s.err != nil {
				return
			}
			continue
		case first:
			if !yield() || s.err != nil {
				return
			}
			continue
		case b != ']':
			s.unexpected("',' or ']' in an array")
			return
		}
		s.pos++
		s.depth--
		return
	}
}

func (s *jsonStream) unexpected(wanted string) {
	if s.err != nil {
		return
	}
	if s.pos >= s.end {
		s.fail(errInputEnds)
		return
	}
	r, _ := utf8.DecodeRune(s.buf[s.pos:s.end])
	s.fail(fmt.Errorf("invalid JSON: found %q, wanted %s", r, wanted))
}

// skip consumes a value of any type.
func (s *jsonStream) skip() {
	switch s.next() {
	case '{':
		for range s.fields {
			s.skip()
		}
	case '[':
		for range s.items {
			s.skip()
		}
	case '"':
		s.token()
	default:
		s.bare()
	}
}

// capture consumes a value and returns its bytes.
func (s *jsonStream) capture(consume func()) []byte {
	s.next()
	raw := []byte{}
	s.raw, s.rawFrom = &raw, s.pos
	consume()
	if s.raw == &raw {
		raw = append(raw, s.buf[s.rawFrom:s.pos]...)
		s.raw = nil
	}
	return raw
}

// nextLine gives up the rest of the current line, and the error with it; false at the end of the input.
func (s *jsonStream) nextLine() bool {
	s.err, s.depth, s.raw = nil, 0, nil
	for {
		for s.pos < s.end {
			s.pos++
			if s.buf[s.pos-1] == '\n' {
				s.line++
				return true
			}
		}
		if !s.fill() {
			if !errors.Is(s.readErr, io.EOF) {
				s.fail(s.readErr)
			}
			return false
		}
	}
}
