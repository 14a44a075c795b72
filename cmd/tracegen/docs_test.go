package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The commands in the documentation of the simulator are ones that it takes.
func TestDocumentedCommandsAreTaken(t *testing.T) {
	content, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	commands := regexp.MustCompile(`(?m)^go run \./cmd/tracegen (.*?)(?: +#.*)?$`).FindAllStringSubmatch(string(content), -1)
	if len(commands) < 4 {
		t.Fatalf("only %d commands are documented", len(commands))
	}
	load := dir + "/azure_code.csv"
	if err := os.WriteFile(load, []byte("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, command := range commands {
		args := strings.Fields(command[1])
		if strings.Contains(command[1], "--out") {
			args = append(args, "--seconds", "2")
		}
		if err := run(t.Context(), args, io.Discard, io.Discard); err != nil {
			t.Errorf("tracegen %s: %v", command[1], err)
		}
	}
}
