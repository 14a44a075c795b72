package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/report/page"
)

// A Header is what stands above a report that is sent on.
type Header struct {
	Title    string    `json:"title"`
	Author   string    `json:"author,omitempty"`
	Made     time.Time `json:"made"`
	Status   string    `json:"status"`             // such as draft or final
	Commands []string  `json:"commands,omitempty"` // that make the same report again
}

// WriteMarkdown prints the long form of r as GitHub's Markdown, with its pictures told in words: see [WriteMarkdownFiles].
func WriteMarkdown(w io.Writer, r *Report) error { return page.Markdown(w, Document(r), nil) }

// WriteMarkdownFiles prints the long form of r as Markdown and calls picture for each of its pictures, which returns
// where its file lies, relative to the page.
func WriteMarkdownFiles(w io.Writer, r *Report, picture func(*page.Figure) (string, error)) error {
	d := Document(r)
	at := map[string]string{}
	for _, f := range d.Figures() {
		path, err := picture(f)
		if err != nil {
			return err
		}
		at[f.Name] = path
	}
	return page.Markdown(w, d, func(f *page.Figure) string { return at[f.Name] })
}

// WriteHTML prints the long form of r as one HTML file that needs nothing else.
func WriteHTML(w io.Writer, r *Report) error { return page.HTML(w, Document(r)) }

// WriteConfluence prints the long form of r in Confluence's storage format. Its pictures are attachments.
func WriteConfluence(w io.Writer, r *Report) error { return page.Storage(w, Document(r)) }

// Document returns the long form of r. Its sections are those that readers of performance reports know: summary,
// architecture, method, baseline, bottlenecks, load tests, recommendations, improvements, monitoring, conclusions,
// appendices. One without data says in a line why, and what would fill it.
func Document(r *Report) *page.Document {
	d := &draft{r: r, p: &page.Document{Title: r.title()}}
	d.header()
	d.summary()
	d.architecture()
	d.method()
	d.baseline()
	d.bottlenecks()
	d.loadTests()
	d.recommendations()
	d.improvements()
	d.monitoring()
	d.conclusions()
	d.appendices()
	return d.p
}

func (r *Report) title() string {
	if r.Header != nil && r.Header.Title != "" {
		return r.Header.Title
	}
	return "Why tokens are slow: " + r.Source
}

// A draft is a document in the making.
type draft struct {
	r *Report
	p *page.Document
}

func (d *draft) add(blocks ...page.Block) { d.p.Blocks = append(d.p.Blocks, blocks...) }

func (d *draft) heading(level int, text string) {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	d.add(&page.Heading{Level: level, Text: text, ID: strings.Trim(id, "-")})
}

// say adds a paragraph of plain text.
func (d *draft) say(format string, args ...any) {
	d.add(page.Para(page.Text(fmt.Sprintf(format, args...))))
}

// missing says why a section is empty, and what would fill it.
func (d *draft) missing(why, remedy string) {
	d.add(page.Para(page.Status{Word: "no data", Color: page.Grey}, page.Text(" "+why+" "), page.Strong("To fill it:"), page.Text(" "+remedy)))
}

// table adds a table unless it is empty.
func (d *draft) table(t *page.Table) {
	if len(t.Rows) > 0 {
		d.add(t)
	}
}

// numbers are columns of which the first is text and the others are numbers.
func numbers(first string, others ...string) []page.Column {
	columns := []page.Column{{Title: first}}
	for _, title := range others {
		columns = append(columns, page.Column{Title: title, Numeric: true})
	}
	return columns
}

// cell returns a cell of one piece.
func cell(piece page.Inline) page.Paragraph { return page.Paragraph{piece} }

// interval prints the interval of a duration, or says that it is open.
func interval(low, high *float64) string {
	if low == nil && high == nil {
		return "open"
	}
	return end(low) + " to " + end(high)
}

func end(ns *float64) string {
	if ns == nil {
		return "?"
	}
	return Duration(*ns)
}

// capital returns s with its first letter in upper case.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
