package page

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed" // the style and the script are files of their own, and part of the program
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"
)

//go:embed page.css
var style string

//go:embed page.js
var script string

// HTML prints d as one file that needs nothing else: style, script and pictures are within, nothing is fetched. Without
// JavaScript it lacks only the sorting of tables.
func HTML(w io.Writer, d *Document) error {
	p := &htmlPage{w: bufio.NewWriter(w), d: d}
	title := escapeHTML(d.Title)
	p.printf("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	p.printf("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
	p.printf("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src '%s'; script-src '%s'\">\n", digest(style), digest(script))
	p.printf("<meta name=\"color-scheme\" content=\"light dark\">\n")
	p.printf("<link rel=\"icon\" href=\"data:,\">\n")
	p.printf("<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n", title, style, title)
	p.blocks(d.Blocks)
	p.printf("</main>\n<script>%s</script>\n</body>\n</html>\n", script)
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

// digest returns the source by which a content security policy allows exactly this text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

type htmlPage struct {
	w   *bufio.Writer
	d   *Document
	err error // the first picture that could not be drawn
}

func (p *htmlPage) printf(format string, args ...any) { fmt.Fprintf(p.w, format, args...) }

func (p *htmlPage) blocks(blocks []Block) {
	for _, b := range blocks {
		p.block(b)
	}
}

func (p *htmlPage) block(b Block) {
	switch b := b.(type) {
	case *Heading:
		p.printf("<h%d id=\"%s\">%s</h%d>\n", b.Level+1, escapeHTML(b.ID), escapeHTML(b.Text), b.Level+1)
	case Paragraph:
		p.printf("<p>%s</p>\n", htmlInline(b))
	case *List:
		element := "ul"
		if b.Ordered {
			element = "ol"
		}
		p.items(element, "", b.Items)
	case *Tasks:
		p.items("ul", ` class="tasks"`, b.Items)
	case *Table:
		p.table(b)
	case *Code:
		p.printf("<pre tabindex=\"0\"><code>%s</code></pre>\n", html.EscapeString(strings.TrimSuffix(cleanLines(b.Text), "\n")))
	case *Panel:
		p.printf("<aside class=\"panel %s\">\n", b.Kind)
		if b.Title != "" {
			p.printf("<p class=\"panel-title\">%s</p>\n", escapeHTML(b.Title))
		}
		p.blocks(b.Blocks)
		p.printf("</aside>\n")
	case *Expand:
		p.printf("<details><summary>%s</summary>\n", escapeHTML(b.Title))
		p.blocks(b.Blocks)
		p.printf("</details>\n")
	case *Figure:
		p.figure(b)
	case Contents:
		p.printf("<nav aria-label=\"Contents\"><ul>\n")
		for _, h := range p.d.headings() {
			if h.Level <= 2 {
				p.printf("<li class=\"level-%d\"><a href=\"#%s\">%s</a></li>\n", h.Level, escapeHTML(h.ID), escapeHTML(h.Text))
			}
		}
		p.printf("</ul></nav>\n")
	}
}

func (p *htmlPage) items(element, attributes string, items []Paragraph) {
	p.printf("<%s%s>\n", element, attributes)
	for _, item := range items {
		p.printf("<li>%s</li>\n", htmlInline(item))
	}
	p.printf("</%s>\n", element)
}

func (p *htmlPage) table(t *Table) {
	label := t.Caption
	if label == "" {
		label = "Table"
	}
	p.printf("<div class=\"table\" role=\"region\" tabindex=\"0\" aria-label=\"%s\"><table>\n", escapeHTML(label))
	if t.Caption != "" {
		p.printf("<caption>%s</caption>\n", escapeHTML(t.Caption))
	}
	p.printf("<thead><tr>")
	for _, c := range t.Columns {
		p.printf("<th scope=\"col\"%s>%s</th>", numeric(c), escapeHTML(c.Title))
	}
	p.printf("</tr></thead>\n<tbody>\n")
	for _, row := range t.Rows {
		p.printf("<tr>")
		for i, cell := range row {
			var c Column
			if i < len(t.Columns) {
				c = t.Columns[i]
			}
			p.printf("<td%s>%s</td>", numeric(c), htmlInline(cell))
		}
		p.printf("</tr>\n")
	}
	p.printf("</tbody></table></div>\n")
}

func numeric(c Column) string {
	if c.Numeric {
		return ` class="number"`
	}
	return ""
}

func (p *htmlPage) figure(f *Figure) {
	var svg bytes.Buffer
	if err := f.Picture.SVG(&svg); err != nil && p.err == nil {
		p.err = fmt.Errorf("drawing the picture %s: %w", f.Name, err)
	}
	p.printf("<figure>\n<div class=\"picture\" role=\"img\" aria-label=\"%s\">%s</div>\n<figcaption>%s</figcaption>\n</figure>\n", escapeHTML(f.Alt), svg.Bytes(), escapeHTML(f.Caption))
}

func htmlInline(pieces []Inline) string {
	var b strings.Builder
	for _, piece := range pieces {
		switch piece := piece.(type) {
		case Text:
			b.WriteString(escapeHTML(string(piece)))
		case Strong:
			b.WriteString("<strong>" + escapeHTML(string(piece)) + "</strong>")
		case Mono:
			b.WriteString("<code>" + escapeHTML(string(piece)) + "</code>")
		case Link:
			if url, ok := webLink(piece.URL); ok {
				b.WriteString(`<a href="` + escapeHTML(url) + `" rel="noreferrer">` + escapeHTML(piece.Text) + "</a>")
			} else {
				b.WriteString(escapeHTML(piece.Text))
			}
		case Status:
			b.WriteString(`<span class="status ` + strings.ToLower(string(piece.Color)) + `">` + escapeHTML(piece.Word) + "</span>")
		}
	}
	return b.String()
}

func escapeHTML(s string) string { return html.EscapeString(clean(s)) }
