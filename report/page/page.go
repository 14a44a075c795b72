// Package page holds a document as blocks and prints it: as Markdown (GitHub's), as Confluence's storage format, and as
// one self-contained HTML file. The words are written once, in the blocks; a printer adds its markup and nothing else,
// so that the formats cannot disagree.
//
// All text is taken to be hostile, since names in it come from telemetry: printers escape it, and control characters,
// invisible and reordering ones are shown as U+FFFD.
package page

import (
	"io"
	"strings"
	"unicode"
)

// A Document is a page: a title and what stands below it.
type Document struct {
	Title  string
	Blocks []Block
}

// A Block is one piece of a document: a *Heading, Paragraph, *List, *Tasks, *Table, *Code, *Panel, *Expand, *Figure or
// Contents.
type Block interface{ block() }

// An Inline is a piece of running text: Text, Strong, Mono, Link or Status.
type Inline interface{ inline() }

// The pieces of running text.
type (
	Text   string // plain text
	Strong string // text that stands out
	Mono   string // names, commands, values of settings
	Link   struct{ Text, URL string }
	// A Status is a word on a coloured ground. The word says it all; the colour only repeats it.
	Status struct {
		Word  string
		Color Color
	}
)

// A Color is the meaning of a colour, by its name in Confluence.
type Color string

// The colours.
const (
	Grey   Color = "Grey"
	Green  Color = "Green"
	Yellow Color = "Yellow"
	Red    Color = "Red"
	Blue   Color = "Blue"
)

// A Heading begins a section. Level 1 is below the title.
type Heading struct {
	Level int // 1 to 4
	Text  string
	ID    string // to link to, unique on the page: letters, digits and dashes
}

// A Paragraph is running text.
type Paragraph []Inline

// A List is a list of items, numbered if Ordered.
type List struct {
	Ordered bool
	Items   []Paragraph
}

// Tasks is a list of things to do.
type Tasks struct{ Items []Paragraph }

// A Table has a head row and rows of as many cells.
type Table struct {
	Caption string
	Columns []Column
	Rows    [][]Paragraph
}

// A Column is the head of one.
type Column struct {
	Title   string
	Numeric bool // set to the right
}

// A Code is text that is kept as it is.
type Code struct {
	Language string // sh, yaml, json; empty for none
	Text     string
}

// A PanelKind says what a panel is for.
type PanelKind string

// The kinds of panels, by the names of Confluence's macros.
const (
	Info    PanelKind = "info"
	Tip     PanelKind = "tip"
	Note    PanelKind = "note"
	Warning PanelKind = "warning"
)

// A Panel sets blocks apart.
type Panel struct {
	Kind   PanelKind
	Title  string
	Blocks []Block
}

// An Expand is closed until somebody opens it.
type Expand struct {
	Title  string
	Blocks []Block
}

// A Picture can be drawn in the formats that pages take.
type Picture interface {
	SVG(w io.Writer) error
	PNG(w io.Writer) error
}

// A Figure is a picture with what it shows in words, for those who do not see it.
type Figure struct {
	Name    string // of its file, without an ending: letters, digits and dashes, unique on the page
	Caption string
	Alt     string
	Picture Picture
}

// Contents is a list of the headings.
type Contents struct{}

func (*Heading) block()  {}
func (Paragraph) block() {}
func (*List) block()     {}
func (*Tasks) block()    {}
func (*Table) block()    {}
func (*Code) block()     {}
func (*Panel) block()    {}
func (*Expand) block()   {}
func (*Figure) block()   {}
func (Contents) block()  {}

func (Text) inline()   {}
func (Strong) inline() {}
func (Mono) inline()   {}
func (Link) inline()   {}
func (Status) inline() {}

// Para returns a paragraph of the given pieces.
func Para(pieces ...Inline) Paragraph { return pieces }

// Cells returns a row of plain cells.
func Cells(texts ...string) []Paragraph {
	row := make([]Paragraph, len(texts))
	for i, text := range texts {
		row[i] = Paragraph{Text(text)}
	}
	return row
}

// Figures returns every figure of the document, those within panels and expands too, in order.
func (d *Document) Figures() (list []*Figure) {
	walk(d.Blocks, func(b Block) {
		if f, ok := b.(*Figure); ok {
			list = append(list, f)
		}
	})
	return list
}

// headings returns the headings of the document that stand in no panel or expand.
func (d *Document) headings() (list []*Heading) {
	for _, b := range d.Blocks {
		if h, ok := b.(*Heading); ok {
			list = append(list, h)
		}
	}
	return list
}

// walk calls visit for each block and what it holds.
func walk(blocks []Block, visit func(Block)) {
	for _, b := range blocks {
		visit(b)
		switch b := b.(type) {
		case *Panel:
			walk(b.Blocks, visit)
		case *Expand:
			walk(b.Blocks, visit)
		}
	}
}

// clean replaces what is no visible character, and every white space by a blank: for text that runs on.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return visible(r)
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// cleanLines is clean for text whose lines and tabs are kept.
func cleanLines(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// visible returns r if it is a character that people see, which XML admits too, and else U+FFFD.
func visible(r rune) rune {
	if r == ' ' || unicode.IsGraphic(r) && !unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
		return r
	}
	return '\uFFFD'
}

// webLink returns url if it is one that a page may link to: on the web, or on the page itself.
func webLink(url string) (string, bool) {
	lower := strings.ToLower(url)
	if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "#") {
		return "", false
	}
	for _, r := range url {
		if r <= ' ' || r == 0x7f || r == '"' || r == '<' || r == '>' || r == '\\' || r == '^' || r == '`' || r == '{' || r == '|' || r == '}' || visible(r) != r {
			return "", false
		}
	}
	return url, true
}
