package report

import (
	"encoding/json"
	"io"
)

// WriteTraceJSON prints all of v as one indented JSON object.
func WriteTraceJSON(w io.Writer, v *TraceView) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// WriteTraceLine prints l as one line of JSON.
func WriteTraceLine(w io.Writer, l *TraceLine) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(l)
}
