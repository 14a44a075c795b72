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
	{"markdown", "the long form as GitHub's Markdown", WriteMarkdown},
	{"html", "the long form as one HTML file that needs nothing else", WriteHTML},
	{"confluence", "the long form in Confluence's storage format", WriteConfluence},
}
