package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestExamples runs the sessions that the documents show: in every block marked "console", the lines that start with
// "$ slowtoken " are run from the top of the repository, and must print what stands below them. A line "..." stands for
// any number of lines. -update writes what was printed into the documents.
func TestExamples(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	var documents []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	examples := 0
	for _, path := range documents {
		document, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		updated := consoleBlock.ReplaceAllStringFunc(string(document), func(block string) string {
			return consoleBlock.FindStringSubmatch(block)[1] + runSession(t, path, consoleBlock.FindStringSubmatch(block)[2], &examples) + "```"
		})
		if *update && updated != string(document) {
			if err := os.WriteFile(path, []byte(updated), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if examples == 0 {
		t.Error("no document shows a session: the blocks are not found")
	}
}

var consoleBlock = regexp.MustCompile("(?s)(```console\n)(.*?)```")

// runSession runs the commands of one block and returns the block as it should be.
func runSession(t *testing.T, path, session string, examples *int) string {
	home := t.TempDir()
	var out strings.Builder
	for _, part := range regexp.MustCompile(`(?m)^\$ `).Split(session, -1)[1:] {
		command, want, _ := strings.Cut(part, "\n")
		out.WriteString("$ " + command + "\n")
		args := strings.Fields(command)
		if args[0] != "slowtoken" {
			t.Errorf("%s: %q is no slowtoken command", path, command)
			continue
		}
		*examples++
		var printed bytes.Buffer
		run(t.Context(), app{
			stdin: new(bytes.Buffer), stdout: &printed, stderr: &printed, environ: []string{"HOME=" + home}, now: time.Now,
		}, args[1:])
		got := printed.String()
		switch {
		case matches(got, want):
			out.WriteString(want)
		case *update && !strings.Contains(want, "...\n"):
			out.WriteString(got)
		default:
			t.Errorf("%s: %s prints:\n%s\nwant:\n%s", path, command, got, want)
			out.WriteString(want)
		}
	}
	return out.String()
}

// matches compares line by line; "..." in want stands for any number of lines.
func matches(got, want string) bool {
	parts := strings.Split(want, "...\n")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("(?s)^" + strings.Join(parts, "(.*\n)?") + "$").MatchString(got)
}
