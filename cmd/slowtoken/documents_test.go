package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// documents returns every Markdown file of the repository but those of tests, by its path below the top.
func documents(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	for _, pattern := range []string{"*.md", "*/*.md", "*/*/*.md", "*/*/*/*.md", ".github/*.md", ".github/*/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if strings.Contains(path, "testdata") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			list[strings.TrimPrefix(filepath.ToSlash(path), "../../")] = string(text)
		}
	}
	if len(list) < 10 {
		t.Fatalf("only %d documents were found", len(list))
	}
	return list
}

var (
	fenced       = regexp.MustCompile("(?ms)^ *(```+)([^\n`]*)\n(.*?)^ *```+ *$")
	inlineCode   = regexp.MustCompile("`[^`\n]*`")
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)(?:\s+"[^"]*")?\)`)
	htmlLink     = regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	heading      = regexp.MustCompile(`(?m)^#{1,6} +(.*?) *#* *$`)
	htmlAnchor   = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
)

// TestDocumentLinks follows every relative link in every document: to a file that is there, and to a heading that it has.
func TestDocumentLinks(t *testing.T) {
	all := documents(t)
	followed := 0
	for path, text := range all {
		for _, target := range links(text) {
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			followed++
			file, anchor, _ := strings.Cut(target, "#")
			to := path
			if file != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
				if _, err := os.Stat(filepath.Join("..", "..", to)); err != nil {
					t.Errorf("%s links to %s, and there is no %s", path, target, to)
					continue
				}
			}
			if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s links to %s, and %s has no such heading", path, target, to)
			}
		}
	}
	if followed < 50 {
		t.Errorf("only %d links were followed: they are not found", followed)
	}
}

// TestArchiveLinks follows the links of the documents as a release holds them, apart from the rest of the repository.
func TestArchiveLinks(t *testing.T) {
	if _, err := os.Stat("../../.git"); err != nil {
		t.Skip("a release is made of what is committed, and this is no checkout of git")
	}
	archive := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "../../.ci/docs", archive).CombinedOutput(); err != nil {
		t.Fatalf(".ci/docs: %v\n%s", err, out)
	}
	followed := 0
	err := filepath.WalkDir(archive, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" && filepath.Ext(path) != ".html" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, target := range links(string(text)) {
			file, _, _ := strings.Cut(target, "#")
			if file == "" || strings.Contains(target, ":") {
				continue
			}
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), file)); err != nil {
				t.Errorf("in a release, %s links to %s, which it does not hold", strings.TrimPrefix(path, archive), target)
			}
		}
		return nil
	})
	if err != nil || followed < 50 {
		t.Errorf("%d links were followed: %v", followed, err)
	}
}

// TestOverviewShowsTheExample holds the numbers of the slide that shows an answer against the sample report that it is of.
func TestOverviewShowsTheExample(t *testing.T) {
	slides, err := os.ReadFile("../../docs/overview.html")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := os.ReadFile("../../docs/examples/before.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, slide, _ := strings.Cut(string(slides), "<h2>An answer</h2>")
	slide, _, _ = strings.Cut(slide, "</pre>")
	numbers := regexp.MustCompile(`\d+([.,]\d+)*( ms| s| %)?`).FindAllString(strings.ReplaceAll(slide, "<pre>", ""), -1)
	for _, n := range numbers {
		if !strings.Contains(string(answer), n) {
			t.Errorf("docs/overview.html shows %q, docs/examples/before.txt does not", n)
		}
	}
	if len(numbers) < 10 {
		t.Errorf("numbers %q", numbers)
	}
	sentences, _, _ := strings.Cut(slide, "\n\n")
	_, sentences, _ = strings.Cut(sentences, "<pre>")
	for line := range strings.Lines(sentences) {
		if !strings.Contains("\n"+string(answer), "\n"+strings.TrimSuffix(line, "\n")) {
			t.Errorf("docs/overview.html shows the line %q, docs/examples/before.txt has none that begins so", line)
		}
	}
}

// TestCaseStudyIsToldAsItWent holds what documents say of the case study's forecast and of what came against its sessions.
func TestCaseStudyIsToldAsItWent(t *testing.T) {
	all := documents(t)
	study := all["docs/examples/README.md"]
	foretold := regexp.MustCompile(`(?m)^E2E +p95 +\S+ \S+ +(\S+ \S+) `).FindStringSubmatch(study)
	_, compared, _ := strings.Cut(study, "\nE2E          mean ")
	measured := regexp.MustCompile(`(?m)^ +p95 +\S+ \S+ +(\S+ \S+) `).FindStringSubmatch(compared)
	slides, err := os.ReadFile("../../docs/overview.html")
	if err != nil {
		t.Fatal(err)
	}
	if foretold == nil || measured == nil {
		t.Fatalf("foretold %q, measured %q: they are not found", foretold, measured)
	}
	readme := strings.Join(strings.Fields(all["README.md"]), " ")
	for document, sentence := range map[string]string{
		readme:         "Lifting it was replayed (p95 of E2E " + foretold[1] + "), then done (" + measured[1] + ")",
		string(slides): "p95 of E2E " + foretold[1] + ". Measured after the change: " + measured[1] + ".",
	} {
		if !strings.Contains(document, sentence) {
			t.Errorf("no document says %q", sentence)
		}
	}
}

// links returns where a document's links lead, code apart.
func links(text string) (list []string) {
	text = inlineCode.ReplaceAllString(fenced.ReplaceAllString(text, ""), "``")
	for _, find := range []*regexp.Regexp{markdownLink, htmlLink} {
		for _, m := range find.FindAllStringSubmatch(text, -1) {
			list = append(list, m[1])
		}
	}
	return list
}

// anchors returns the names of a document's headings, as GitHub makes them: in lower case, without punctuation, with a
// dash for each space, and numbered when they repeat.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range htmlAnchor.FindAllStringSubmatch(text, -1) {
		names[m[1]] = true
	}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := anchorOf(m[1])
		for unique, n := name, 1; ; n++ {
			if !names[unique] {
				names[unique] = true
				break
			}
			unique = name + "-" + string(rune('0'+n))
		}
	}
	return names
}

var linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

func anchorOf(title string) string {
	title = strings.ToLower(linkText.ReplaceAllString(title, "$1"))
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
			return r
		}
		return -1
	}, title)
}

// TestDocumentCommands holds every call of slowtoken that stands in a document's code against the commands and flags that
// there are: in blocks of sh, console and text, the lines that begin with slowtoken, a prompt or variables before it aside.
func TestDocumentCommands(t *testing.T) {
	checked := 0
	for path, text := range documents(t) {
		if path == "docs/cli.md" { // is the help itself
			continue
		}
		for _, block := range fenced.FindAllStringSubmatch(text, -1) {
			for _, call := range calls(block[3]) {
				checked++
				if problem := wrongCall(call); problem != "" {
					t.Errorf("%s: slowtoken %s: %s", path, strings.Join(call, " "), problem)
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d calls were checked: they are not found", checked)
	}
}

// Flags and arguments of other programs, and of a shell, around a call of slowtoken.
var (
	callStart = regexp.MustCompile(`^(?:\$ )?(?:[A-Z_]+=\S+ +)*(?:sudo +)?(?:\S*/)?slowtoken +(.*)$`)
	shellEnd  = map[string]bool{"|": true, "&": true, "&&": true, "||": true, ";": true, ">": true, "2>": true, ">>": true, "<": true}
)

// calls returns the arguments of each call of slowtoken in a block.
func calls(block string) (list [][]string) {
	block = strings.ReplaceAll(block, "\\\n", " ")
	for line := range strings.Lines(block) {
		for part := range strings.SplitSeq(strings.TrimSpace(line), " && ") {
			m := callStart.FindStringSubmatch(strings.TrimSpace(part))
			if m == nil {
				continue
			}
			if args := shellWords(m[1]); len(args) > 0 {
				list = append(list, args)
			}
		}
	}
	return list
}

// shellWords splits a line as a shell does, up to a comment, a redirection or the next command. Quotes are taken off.
func shellWords(line string) (list []string) {
	var word strings.Builder
	open, quote := false, rune(0)
	end := func() bool {
		if open {
			if shellEnd[word.String()] {
				return true
			}
			list = append(list, word.String())
		}
		word.Reset()
		open = false
		return false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == '#' && !open:
			return list
		case r == ' ':
			if end() {
				return list
			}
		default:
			open = true
			word.WriteRune(r)
		}
	}
	end()
	return list
}

// wrongCall says what is wrong with the arguments of a call; "" for nothing.
func wrongCall(args []string) string {
	a := &app{stdin: strings.NewReader(""), stdout: &strings.Builder{}, stderr: &strings.Builder{}}
	root := rootCommand(a)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err.Error()
	}
	if cmd == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return "there is no such command"
	}
	if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return "there is no such command"
	}
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	if err := cmd.ParseFlags(unabridged(rest)); err != nil {
		return err.Error()
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err.Error()
	}
	return ""
}

// unabridged drops the dots that stand for what a reader fills in.
func unabridged(args []string) (list []string) {
	for _, arg := range args {
		if arg != "..." && arg != "…" {
			list = append(list, arg)
		}
	}
	return list
}

// TestReadmeNamesVerifiedDialects holds what the front page promises against the dialects.
func TestReadmeNamesVerifiedDialects(t *testing.T) {
	var names []string
	for _, d := range dialect.All {
		if d.Verified {
			names = append(names, d.Name)
		}
	}
	want := "Verified against recordings of the real stack: " + strings.Join(names, ", ") + ". All other"
	if got := strings.Join(strings.Fields(documents(t)["README.md"]), " "); !strings.Contains(got, want) {
		t.Errorf("README.md does not say %q", want)
	}
}

// A checker that finds nothing wrong proves nothing.
func TestDocumentChecksSeeMistakes(t *testing.T) {
	for _, call := range []string{"analyse x.json", "analyze --sinze 1h", "model maek", "analyze --since"} {
		if wrongCall(strings.Fields(call)) == "" {
			t.Errorf("slowtoken %s passes", call)
		}
	}
	if got := calls("  $ A=1 bin/slowtoken analyze 'a b' --since 1h | less # x\n"); len(got) != 1 || strings.Join(got[0], ",") != "analyze,a b,--since,1h" {
		t.Errorf("read as %q", got)
	}
	if !anchors("# What is *there*, and `what` is not\n```\n# no\n```\n")["what-is-there-and-what-is-not"] {
		t.Error("a heading's name differs")
	}
	if got := links("[a](b.md#c) `[x](y)` <img src=\"z.svg\">\n"); strings.Join(got, ",") != "b.md#c,z.svg" {
		t.Errorf("links %q", got)
	}
}
