package page

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Markdown prints d as GitHub's Markdown. picture returns where the SVG file of a figure lies, relative to the page; if
// picture is nil, the page stands alone, and what the pictures show is told in words.
func Markdown(w io.Writer, d *Document, picture func(*Figure) string) error {
	m := &markdown{w: bufio.NewWriter(w), d: d, picture: picture}
	m.printf("# %s\n", escapeMarkdown(d.Title))
	m.blocks(d.Blocks)
	return m.w.Flush()
}

type markdown struct {
	w       *bufio.Writer
	d       *Document
	picture func(*Figure) string
	quote   string // what every line begins with
}

func (m *markdown) printf(format string, args ...any) {
	fmt.Fprintf(m.w, format, args...)
}

// line prints a line within the panels around it.
func (m *markdown) line(s string) {
	m.w.WriteString(strings.TrimRight(m.quote+s, " "))
	m.w.WriteByte('\n')
}

func (m *markdown) blocks(blocks []Block) {
	for _, b := range blocks {
		m.line("")
		m.block(b)
	}
}

func (m *markdown) block(b Block) {
	switch b := b.(type) {
	case *Heading:
		m.line(strings.Repeat("#", b.Level+1) + " " + escapeMarkdown(b.Text))
	case Paragraph:
		m.line(beginLine(markdownInline(b)))
	case *List:
		for i, item := range b.Items {
			mark := "- "
			if b.Ordered {
				mark = strconv.Itoa(i+1) + ". "
			}
			m.line(mark + beginLine(markdownInline(item)))
		}
	case *Tasks:
		for _, item := range b.Items {
			m.line("- [ ] " + beginLine(markdownInline(item)))
		}
	case *Table:
		m.table(b)
	case *Code:
		text := strings.TrimSuffix(cleanLines(b.Text), "\n")
		fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
		m.line(fence + b.Language)
		for _, line := range strings.Split(text, "\n") {
			m.line(line)
		}
		m.line(fence)
	case *Panel:
		m.line("> [!" + alerts[b.Kind] + "]")
		outer := m.quote
		m.quote += "> "
		if b.Title != "" {
			m.line(beginLine(markdownStrong(b.Title)))
		}
		m.blocks(b.Blocks)
		m.quote = outer
	case *Expand:
		m.line("<details><summary>" + escapeHTML(b.Title) + "</summary>")
		m.blocks(b.Blocks)
		m.line("")
		m.line("</details>")
	case *Figure:
		m.figure(b)
	case Contents:
		for _, h := range m.d.headings() {
			m.line(strings.Repeat("  ", h.Level-1) + "- [" + escapeMarkdown(h.Text) + "](#" + githubAnchor(h.Text) + ")")
		}
	}
}

// alerts are GitHub's names of panels.
var alerts = map[PanelKind]string{Info: "NOTE", Tip: "TIP", Note: "IMPORTANT", Warning: "WARNING"}

func (m *markdown) table(t *Table) {
	if t.Caption != "" {
		m.line(beginLine(markdownStrong(t.Caption)))
		m.line("")
	}
	head, rule := "|", "|"
	for _, c := range t.Columns {
		head += " " + escapeMarkdown(c.Title) + " |"
		if c.Numeric {
			rule += " ---: |"
		} else {
			rule += " --- |"
		}
	}
	m.line(head)
	m.line(rule)
	for _, row := range t.Rows {
		line := "|"
		for _, cell := range row {
			line += " " + markdownInline(cell) + " |"
		}
		m.line(line)
	}
}

func (m *markdown) figure(f *Figure) {
	if m.picture == nil {
		m.line("*" + escapeMarkdown(f.Caption) + "*: " + escapeMarkdown(f.Alt))
		return
	}
	m.line("![" + escapeMarkdown(f.Alt) + "](" + m.picture(f) + ")")
	m.line("")
	m.line("*" + escapeMarkdown(f.Caption) + "*")
}

func markdownInline(pieces []Inline) string {
	var b strings.Builder
	for _, piece := range pieces {
		switch piece := piece.(type) {
		case Text:
			b.WriteString(escapeMarkdown(string(piece)))
		case Strong:
			b.WriteString(markdownStrong(string(piece)))
		case Mono:
			b.WriteString(markdownMono(string(piece)))
		case Link:
			if url, ok := webLink(piece.URL); ok {
				b.WriteString("[" + escapeMarkdown(piece.Text) + "](" + strings.NewReplacer("(", "%28", ")", "%29", "|", "%7C").Replace(url) + ")")
			} else {
				b.WriteString(escapeMarkdown(piece.Text))
			}
		case Status:
			b.WriteString(markdownStrong(strings.ToUpper(piece.Word)))
		}
	}
	return b.String()
}

// markdownStrong makes text stand out. What begins or ends with a blank would not, so blanks stand outside.
func markdownStrong(s string) string {
	s = clean(s)
	text := strings.TrimSpace(s)
	if text == "" {
		return ""
	}
	before, after, _ := strings.Cut(s, text)
	return blank(before) + "**" + escapeMarkdown(text) + "**" + blank(after)
}

func blank(s string) string {
	if s == "" {
		return ""
	}
	return " "
}

// markdownMono fences text with more backticks than it holds in a row. Within tables a bar must be escaped even there.
func markdownMono(s string) string {
	s = strings.ReplaceAll(clean(s), "|", `\|`)
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || s == "" {
		s = " " + s + " "
	}
	return fence + s + fence
}

// longestRun returns how many c stand in a row in s at most.
func longestRun(s string, c byte) (longest int) {
	run := 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// markdownSpecial escapes every character that can begin markup within a line. HTML's are entities, since a backslash
// before them does not keep raw HTML out of every renderer. Addresses are kept from becoming links, and names from
// calling people.
var markdownSpecial = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`, "$", `\$`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;", "://", ":&#47;/", "www.", "www&#46;",
)

// escapeMarkdown returns text that is not taken for markup within a line.
func escapeMarkdown(s string) string { return markdownSpecial.Replace(clean(s)) }

// beginLine returns a line whose first characters are not taken for a list, a heading or a rule. One without characters
// holds a blank that is kept, so that a list's mark before it stays one.
func beginLine(s string) string {
	s = strings.TrimLeft(s, " ")
	if s == "" {
		return "&#32;"
	}
	if strings.ContainsRune("-+#=", rune(s[0])) {
		return `\` + s
	}
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')') {
		return s[:digits] + `\` + s[digits:]
	}
	return s
}

// githubAnchor returns the anchor that GitHub gives a heading: lower case, blanks as dashes, no punctuation.
func githubAnchor(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, clean(s))
}
