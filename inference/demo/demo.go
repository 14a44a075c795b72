// Package demo holds the recording that ships with the program.
package demo

import _ "embed"

//go:embed recording.otlp.jsonl.gz
var recording []byte

// Recording returns three minutes of traffic on a simulated vLLM server behind a chat service, in which a burst makes
// requests queue: OTLP JSON, one message a line, compressed with gzip. `go run ./cmd/tracegen --recording` writes it.
func Recording() []byte { return recording }
