package report

import (
	"encoding/json"
	"io"
)

// WriteJSON prints all of r as indented JSON.
func WriteJSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// A Format prints a report.
type Format struct {
	Name  string
	Doc   string
	Write func(io.Writer, *Report) error
}

// Formats lists every format.
var Formats = []Format{
	{"text", "the terminal answer, at most 25 lines", WriteText},
	{"json", "everything, with a versioned schema", WriteJSON},
}
