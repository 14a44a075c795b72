package ingest

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// peekBytes is how much of a file its format is found from.
const peekBytes = 1 << 20

type fileFormat uint8

const (
	fileUnknown fileFormat = iota
	fileEmpty
	fileJSON
	fileProto       // a TracesData message, or another of the same layout
	fileProtoFixed  // such messages behind their length in four bytes, big-endian
	fileProtoVarint // such messages behind their length as a varint
)

// detect finds the format of a file from its head.
func detect(head []byte) fileFormat {
	text := skipSpaces(head)
	switch {
	case len(text) == 0 && !isMessages(head):
		return fileEmpty
	case isJSON(text):
		return fileJSON
	case isMessages(head):
		return fileProto
	case isFixedLength(head):
		return fileProtoFixed
	case isVarintLength(head):
		return fileProtoVarint
	case len(text) > 0 && (text[0] == '{' || text[0] == '['):
		return fileJSON // broken JSON: its reader says what is wrong, and where
	case jsonLineFollows(text):
		return fileJSON // something broken, then JSON lines
	}
	return fileUnknown
}

// skipSpaces returns head without a byte-order mark and leading spaces.
func skipSpaces(head []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
}

// isJSON reports whether text starts like an object or an array. Two tokens are looked at, because a protobuf message
// may start like one: a line break is the tag of its first field, and the length that follows may be a brace.
func isJSON(text []byte) bool {
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	next := skipSpaces(text[1:])
	switch {
	case len(next) == 0:
		return true
	case text[0] == '[':
		return next[0] == ']' || isJSON(next)
	case next[0] == '}':
		return true
	}
	return next[0] == '"' && (len(next) == 1 || next[1] >= ' ')
}

// jsonLineFollows reports whether a later line starts like an OTLP document.
func jsonLineFollows(text []byte) bool {
	for line := range bytes.Lines(text) {
		if startsDocument(line) {
			return true
		}
	}
	return false
}

// isLines reports whether a JSON file holds one value a line. A line break inside a value then means that the value is
// broken, and that the next line is good again.
func isLines(head []byte) bool {
	text := skipSpaces(head)
	first, rest, found := bytes.Cut(text, []byte("\n"))
	if !found {
		return true // one long line, or the first of several
	}
	if balanced(first) {
		return true
	}
	if text[0] == '[' {
		return false // an array over several lines, maybe with one document in each
	}
	for line := range bytes.Lines(rest) {
		if startsDocument(line) {
			return true
		}
	}
	return false
}

// startsDocument reports whether line starts with an object whose first key is one that only documents have.
func startsDocument(line []byte) bool {
	key, ok := bytes.CutPrefix(line, []byte("{"))
	if !ok {
		return false
	}
	key = bytes.TrimLeft(key, " \t")
	for _, name := range []string{
		`"resourceSpans"`, `"resourceMetrics"`, `"resourceLogs"`,
		`"resource_spans"`, `"resource_metrics"`, `"resource_logs"`, `"batches"`,
	} {
		if bytes.HasPrefix(key, []byte(name)) {
			return true
		}
	}
	return false
}

// balanced reports whether line closes every bracket that it opens.
func balanced(line []byte) bool {
	depth := 0
	quoted := false
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
	}
	return depth == 0 && !quoted
}

// isMessages reports whether b starts with a field of TracesData: field 1, and in it a ResourceSpans message.
func isMessages(b []byte) bool {
	field, typ, n := protowire.ConsumeTag(b)
	if n < 0 || field != 1 || typ != protowire.BytesType {
		return false
	}
	length, m := protowire.ConsumeVarint(b[n:])
	if m < 0 {
		return false
	}
	inner := b[n+m:]
	if length == 0 {
		return len(inner) == 0 || isMessages(inner)
	}
	if length > 1<<32 {
		return false
	}
	return startsResource(inner[:min(uint64(len(inner)), length)], length)
}

// startsResource reports whether b, the seen part of a message of the given length, starts like a ResourceSpans: its
// fields are 1 (resource), 2 (scope spans), 3 (schema URL) and 1000, all with a length that fits.
func startsResource(b []byte, length uint64) bool {
	field, typ, n := protowire.ConsumeTag(b)
	if n < 0 || typ != protowire.BytesType || field > 3 && field != 1000 {
		return false
	}
	inner, m := protowire.ConsumeVarint(b[n:])
	return m > 0 && inner+uint64(n+m) <= length
}

func isFixedLength(b []byte) bool {
	if len(b) < 5 {
		return false
	}
	length := uint64(binary.BigEndian.Uint32(b))
	rest := b[4:]
	// Behind a varint there would be a length in the billions here: its first byte is the highest.
	return length > 0 && length < 1<<28 && isMessages(rest[:min(length, uint64(len(rest)))])
}

func isVarintLength(b []byte) bool {
	length, n := protowire.ConsumeVarint(b)
	if n < 0 || length == 0 {
		return false
	}
	rest := b[n:]
	return isMessages(rest[:min(length, uint64(len(rest)))])
}

// describeUnknown names what head may be, for the message that refuses it.
func describeUnknown(head []byte) (shape, advice string) {
	formats := "formats that can be read are OTLP JSON and protobuf, Jaeger JSON, Zipkin v2 JSON and Tempo's traces, also in gzip or zstd"
	for _, known := range []struct{ magic, shape, advice string }{
		{"PAR1", "a Parquet file", "query it where it was made, or export its traces as OTLP"},
		{"PK\x03\x04", "a zip archive", "unpack it and read the files in it"},
		{"BZh", "a bzip2 file", "unpack it first: bunzip2 -c FILE | slowtoken import -"},
		{"\xfd7zXZ", "an xz file", "unpack it first: xz -dc FILE | slowtoken import -"},
		{"SQLite format 3", "an SQLite database", "export its traces as OTLP"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return known.shape, known.advice
		}
	}
	if len(head) > 265 && string(head[257:262]) == "ustar" {
		return "a tar archive", "unpack it and read the files in it"
	}
	if len(head) > 12 && string(head[8:12]) == "DUCK" {
		return "a DuckDB database", "open it with --db, it needs no import"
	}
	text := head[:min(len(head), 4096)]
	for len(text) > 0 && !utf8.Valid(text) && len(text) > len(head)-4 {
		text = text[:len(text)-1]
	}
	if utf8.Valid(text) && !bytes.ContainsRune(text, 0) {
		first := strings.TrimSpace(string(text))
		first, _, _ = strings.Cut(first, "\n")
		if key, _, ok := strings.Cut(first, ":"); first == "---" || ok && !strings.ContainsAny(key, " \t{<") {
			return "YAML or other configuration", "name the file of traces itself; " + formats
		}
		return "text", formats
	}
	return "data of an unknown kind", formats
}
