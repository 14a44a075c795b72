// Command slowtoken says why the tokens of an LLM service are slow, from its traces.
//
// The files here only wire packages together. A command is a function that makes a cobra command, fills an options
// struct from its flags, and calls a plain function with it: importCommand, importOptions and app.runImport. What all commands
// share hangs off an [app]: streams, environment, clock and settings. exit.go holds every exit code, ui.go the rules of
// what is printed where, config.go the settings, open.go how a command comes by its spans.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(),
	}, os.Args[1:]))
}
