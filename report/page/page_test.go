package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	nethtml "golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden files")

type square struct{}

func (square) SVG(w io.Writer) error {
	_, err := io.WriteString(w, `<svg viewBox="0 0 9 9"><rect width="9" height="9"/></svg>`)
	return err
}

func (square) PNG(w io.Writer) error { return nil }

// sample is a document with every block and piece, and name wherever a name from telemetry could stand.
func sample(name string) *Document {
	return &Document{Title: "Why " + name + " is slow", Blocks: []Block{
		Contents{},
		&Heading{Level: 1, Text: "Summary of " + name, ID: "summary"},
		Paragraph{Text(name)},
		Paragraph{Text("It is "), Strong("prefill of " + name), Text(" in "), Mono(name), Text(", "), Status{"critical", Red}, Text("; see "),
			Link{name, "http://jaeger.example/trace/1?x=(a)&y=b"}, Text(" or "), Link{name, name}},
		&Heading{Level: 2, Text: "Numbers", ID: "numbers"},
		&Table{Caption: "Phases of " + name, Columns: []Column{{Title: "Phase " + name}, {Title: "Share", Numeric: true}},
			Rows: [][]Paragraph{{Para(Mono(name)), Para(Text("12 %"))}, Cells("decode "+name, "88 %")}},
		&List{Items: []Paragraph{Para(Text(name)), Para(Text("two"))}},
		&List{Ordered: true, Items: []Paragraph{Para(Text(name))}},
		&Tasks{Items: []Paragraph{Para(Text(name))}},
		&Code{Language: "yaml", Text: "name: " + name + "\n  deeper: 1\n"},
		&Panel{Kind: Warning, Title: "Beware of " + name, Blocks: []Block{Paragraph{Text(name)}, &Code{Text: name}, &List{Items: []Paragraph{Para(Text(name))}}}},
		&Expand{Title: "More of " + name, Blocks: []Block{Paragraph{Text(name)}, &Figure{Name: "inner", Caption: name, Alt: name, Picture: square{}}}},
		&Figure{Name: "phases", Caption: "Phases of " + name, Alt: "prefill is 12 % of " + name, Picture: square{}},
	}}
}

var printers = []struct {
	file  string
	print func(io.Writer, *Document) error
}{
	{"sample.md", func(w io.Writer, d *Document) error {
		return Markdown(w, d, func(f *Figure) string { return "report/" + f.Name + ".svg" })
	}},
	{"alone.md", func(w io.Writer, d *Document) error { return Markdown(w, d, nil) }},
	{"sample.storage.xml", Storage},
	{"sample.html", HTML},
}

func printed(t testing.TB, print func(io.Writer, *Document) error, d *Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := print(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrinters(t *testing.T) {
	for _, p := range printers {
		t.Run(p.file, func(t *testing.T) {
			got := printed(t, p.print, sample("POST /v1/chat"))
			golden := filepath.Join("testdata", p.file)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs (go test -update writes it):\n%s", golden, got)
			}
		})
	}
}

// hostile are names that begin markup in one of the formats.
var hostile = []string{
	"<script>alert(1)</script>", "]]><ac:structured-macro ac:name=\"html\">", "a|b\n|c|", "`code` ``more``", "**bold** _it_ ~~x~~",
	"[x](javascript:alert(1))", "![i](http://evil.example/p.png)", "javascript:alert(1)", "- [x] done", "# top", "1. one", "1) one", "=====", "---",
	"&lt;b&gt; &amp;", "\x00\x1b[31mred\x07", "a\u202eb\u200b\u2028c", "\xff\xfe", "line one\nline two\r\n\r\n    indented", "http://evil.example", "www.evil.example",
	"me@evil.example", "$x$ @team", "</details></main>", "<!-- c -->", "\\", "trailing\\", " lead and trail ", "", "\u0301alone", "é漢字🙂", "> quote", "+ plus", "* star", "    code", "\tcode",
	"<https://x.y>", "&#x41;", ":smile:", "[^1]", "[ ]", "__init__", "a__b__c", "http://a.b/`x`", "]]>", "]]&gt;", "|", "\\|", "`|`", "``", "~~~\nx\n~~~",
}

// Whatever a name holds, the page stays one: each format is parsed by somebody else's parser and read back.
func TestNamesStayNames(t *testing.T) {
	for _, name := range hostile {
		checkName(t, name)
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { checkName(t, name) })
}

func checkName(t *testing.T, name string) {
	t.Helper()
	d := sample(name)
	storage := printed(t, Storage, d)
	if err := CheckStorage([]byte(storage)); err != nil {
		t.Errorf("name %q: %v", name, err)
	}
	if got, want := storageShape(t, storage), storageShape(t, printed(t, Storage, sample("x"))); webName(name) == "" && got != want {
		t.Errorf("name %q changes the elements of the storage format:\n%s\nwant\n%s", name, got, want)
	}
	if got, want := htmlShape(t, printed(t, HTML, d)), htmlShape(t, printed(t, HTML, sample("x"))); webName(name) == "" && got != want {
		t.Errorf("name %q changes the elements of the HTML:\n%s\nwant\n%s", name, got, want)
	}
	checkMarkdown(t, name)
}

// webName returns name if it is an address that the sample links to.
func webName(name string) string {
	url, _ := webLink(name)
	return url
}

func storageShape(t *testing.T, page string) string {
	t.Helper()
	var shape strings.Builder
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return shape.String()
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
		if e, ok := token.(xml.StartElement); ok {
			shape.WriteString(prefixed(e.Name) + " ")
		}
	}
}

func htmlShape(t *testing.T, page string) string {
	t.Helper()
	var shape strings.Builder
	z := nethtml.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case nethtml.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			return shape.String()
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken:
			name, more := z.TagName()
			shape.Write(name)
			for more {
				var key []byte
				key, _, more = z.TagAttr()
				shape.WriteString("." + string(key))
			}
			shape.WriteByte(' ')
		}
	}
}

// checkMarkdown reads a paragraph, a list item, a table cell and a heading with the name back through goldmark.
func checkMarkdown(t *testing.T, name string) {
	t.Helper()
	d := &Document{Title: "t" + name, Blocks: []Block{
		Paragraph{Text(name)},
		&List{Items: []Paragraph{Para(Text(name)), Para(Text("z"))}},
		&Table{Columns: []Column{{Title: name}}, Rows: [][]Paragraph{Cells(name), {Para(Mono(name))}}},
		&Panel{Kind: Note, Title: name, Blocks: []Block{Paragraph{Text(name)}}},
	}}
	source := []byte(printed(t, func(w io.Writer, d *Document) error { return Markdown(w, d, nil) }, d))
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()
	root := parser.Parse(text.NewReader(source))
	count := map[ast.NodeKind]int{}
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			count[n.Kind()]++
		}
		return ast.WalkContinue, nil
	})
	for _, kind := range []ast.NodeKind{ast.KindHTMLBlock, ast.KindRawHTML, ast.KindLink, ast.KindAutoLink, ast.KindImage, ast.KindFencedCodeBlock, ast.KindThematicBreak} {
		if count[kind] > 0 {
			t.Errorf("name %q becomes a %s in Markdown:\n%s", name, kind, source)
		}
	}
	if count[ast.KindHeading] != 1 || count[ast.KindList] != 1 || count[ast.KindListItem] != 2 || count[ast.KindCodeSpan] != 1 || count[ast.KindBlockquote] != 1 {
		t.Errorf("name %q changes the blocks of Markdown: %v\n%s", name, count, source)
	}
	var rendered bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert(source, &rendered); err != nil {
		t.Fatal(err)
	}
	cell := regexp.MustCompile(`(?s)<td>(.*?)</td>`).FindStringSubmatch(rendered.String())
	if want := squeeze(clean(name)); cell == nil || squeeze(html.UnescapeString(tags.ReplaceAllString(cell[1], ""))) != want {
		t.Errorf("name %q reads back as %q, want %q:\n%s", name, cell, want, source)
	}
}

var tags = regexp.MustCompile(`<[^>]*>`)

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestCheckStorageRefuses(t *testing.T) {
	for page, want := range map[string]string{
		`<p>a<br></p>`:                 "not an element",
		`<p>a</b>`:                     "closes nothing",
		`<p>`:                          "closes nothing",
		`<script>x</script>`:           "not an element",
		`<p onclick="x">a</p>`:         "no attribute onclick",
		`<p>&nbsp;</p>`:                "entity",
		`<p>a & b</p>`:                 "entity",
		`<!-- c --><p>a</p>`:           "comments",
		`<li>a</li>`:                   "stands in",
		`<a href="javascript:x">a</a>`: "none to the web",
		`<ac:structured-macro ac:name="html"></ac:structured-macro>`:                                                   "not a macro",
		`<ac:structured-macro ac:name="status"><ac:parameter ac:name="color">Red</ac:parameter></ac:structured-macro>`: "no parameter",
		`<ac:parameter ac:name="title">x</ac:parameter>`:                                                               "stands in",
		"<p>\x01</p>": "illegal character",
	} {
		err := CheckStorage([]byte(page))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", page, err, want)
		}
	}
}

// A word that stands out keeps its distance from what follows.
func TestMarkdownStrongKeepsBlanksOutside(t *testing.T) {
	for text, want := range map[string]string{"Problem: ": "**Problem:** ", " so": " **so**", "so": "**so**", " ": "", "": ""} {
		if got := markdownStrong(text); got != want {
			t.Errorf("markdownStrong(%q) = %q, want %q", text, got, want)
		}
	}
}
