package page

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Storage prints d in Confluence's storage format. The title is not part of it: Confluence keeps it beside the page.
// Figures refer to attachments named as the figure with the ending .png.
func Storage(w io.Writer, d *Document) error {
	s := &storage{w: bufio.NewWriter(w)}
	s.blocks(d.Blocks)
	return s.w.Flush()
}

type storage struct {
	w     *bufio.Writer
	tasks int // how many tasks were printed: their ids must differ on a page
}

func (s *storage) printf(format string, args ...any) { fmt.Fprintf(s.w, format, args...) }

func (s *storage) blocks(blocks []Block) {
	for _, b := range blocks {
		s.block(b)
	}
}

func (s *storage) block(b Block) {
	switch b := b.(type) {
	case *Heading:
		s.printf("<h%d>%s</h%d>\n", b.Level, escapeXML(b.Text), b.Level)
	case Paragraph:
		s.printf("<p>%s</p>\n", storageInline(b))
	case *List:
		element := "ul"
		if b.Ordered {
			element = "ol"
		}
		s.printf("<%s>\n", element)
		for _, item := range b.Items {
			s.printf("<li>%s</li>\n", storageInline(item))
		}
		s.printf("</%s>\n", element)
	case *Tasks:
		s.printf("<ac:task-list>\n")
		for _, item := range b.Items {
			s.tasks++
			s.printf("<ac:task><ac:task-id>%d</ac:task-id><ac:task-status>incomplete</ac:task-status><ac:task-body>%s</ac:task-body></ac:task>\n", s.tasks, storageInline(item))
		}
		s.printf("</ac:task-list>\n")
	case *Table:
		s.table(b)
	case *Code:
		s.printf(`<ac:structured-macro ac:name="code" ac:schema-version="1">`)
		if b.Language != "" {
			s.printf(`<ac:parameter ac:name="language">%s</ac:parameter>`, escapeXML(confluenceLanguage(b.Language)))
		}
		s.printf("<ac:plain-text-body>%s</ac:plain-text-body></ac:structured-macro>\n", cdata(strings.TrimSuffix(cleanLines(b.Text), "\n")))
	case *Panel:
		s.macro(string(b.Kind), b.Title, b.Blocks)
	case *Expand:
		s.macro("expand", b.Title, b.Blocks)
	case *Figure:
		s.printf(`<p><ac:image ac:alt="%s"><ri:attachment ri:filename="%s"/></ac:image></p>`+"\n", escapeXML(b.Alt), escapeXML(b.Name+".png"))
		s.printf("<p><em>%s</em></p>\n", escapeXML(b.Caption))
	case Contents:
		s.printf(`<ac:structured-macro ac:name="toc" ac:schema-version="1"><ac:parameter ac:name="maxLevel">3</ac:parameter></ac:structured-macro>` + "\n")
	}
}

// macro prints a macro that holds blocks.
func (s *storage) macro(name, title string, blocks []Block) {
	s.printf(`<ac:structured-macro ac:name="%s" ac:schema-version="1">`, name)
	if title != "" {
		s.printf(`<ac:parameter ac:name="title">%s</ac:parameter>`, escapeXML(title))
	}
	s.printf("<ac:rich-text-body>\n")
	s.blocks(blocks)
	s.printf("</ac:rich-text-body></ac:structured-macro>\n")
}

func (s *storage) table(t *Table) {
	if t.Caption != "" {
		s.printf("<p><strong>%s</strong></p>\n", escapeXML(t.Caption))
	}
	s.printf("<table><tbody>\n<tr>")
	for _, c := range t.Columns {
		s.printf("<th>%s</th>", escapeXML(c.Title))
	}
	s.printf("</tr>\n")
	for _, row := range t.Rows {
		s.printf("<tr>")
		for i, cell := range row {
			if i < len(t.Columns) && t.Columns[i].Numeric {
				s.printf(`<td style="text-align: right;">%s</td>`, storageInline(cell))
			} else {
				s.printf("<td>%s</td>", storageInline(cell))
			}
		}
		s.printf("</tr>\n")
	}
	s.printf("</tbody></table>\n")
}

func storageInline(pieces []Inline) string {
	var b strings.Builder
	for _, piece := range pieces {
		switch piece := piece.(type) {
		case Text:
			b.WriteString(escapeXML(string(piece)))
		case Strong:
			b.WriteString("<strong>" + escapeXML(string(piece)) + "</strong>")
		case Mono:
			b.WriteString("<code>" + escapeXML(string(piece)) + "</code>")
		case Link:
			// The page's own anchors are made by Confluence and cannot be known.
			if url, ok := webLink(piece.URL); ok && !strings.HasPrefix(url, "#") {
				b.WriteString(`<a href="` + escapeXML(url) + `">` + escapeXML(piece.Text) + "</a>")
			} else {
				b.WriteString(escapeXML(piece.Text))
			}
		case Status:
			b.WriteString(`<ac:structured-macro ac:name="status" ac:schema-version="1"><ac:parameter ac:name="colour">` + string(piece.Color) +
				`</ac:parameter><ac:parameter ac:name="title">` + escapeXML(piece.Word) + `</ac:parameter></ac:structured-macro>`)
		}
	}
	return b.String()
}

// xmlSpecial escapes with XML's own entities: Confluence's parser knows others too, other parsers do not.
var xmlSpecial = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func escapeXML(s string) string { return xmlSpecial.Replace(clean(s)) }

// cdata returns a section of s as it is. The end mark within s is split over two sections.
func cdata(s string) string {
	return "<![CDATA[" + strings.ReplaceAll(s, "]]>", "]]]]><![CDATA[>") + "]]>"
}

// confluenceLanguage returns the name by which Confluence's code macro knows a language.
func confluenceLanguage(language string) string {
	switch language {
	case "sh", "console":
		return "bash"
	case "yaml", "json":
		return language
	}
	return "none"
}
