package ollama

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A LogEvent is a moment in an Ollama server's log, which says it with the milliseconds of its own clock.
type LogEvent struct {
	Time int64 // nanoseconds since the Unix epoch
	Kind LogKind
	// Prompt is the prompt's length: bytes of an AtRequest, tokens of an AtSlot. Remaining are the tokens of it that no
	// cache holds.
	Prompt, Remaining int
	OnGPU             bool // of AtWeights: some layers go to a GPU
}

// A LogKind says what happened.
type LogKind uint8

// The kinds of log events. Those of requests are written with OLLAMA_DEBUG=1 only.
const (
	AtRequest LogKind = iota + 1 // the server, done with loading, passes a request to the runner
	AtSlot                       // the runner gives a request a slot: prefill begins
	AtWeights                    // a runner begins to load weights
	AtLoaded                     // and is ready
)

func (k LogKind) String() string {
	return [...]string{"", "request", "slot", "weights", "loaded"}[k]
}

// ReadLog reads the events of a server's log in its order, and passes over all other lines.
func ReadLog(r io.Reader) (list []LogEvent, err error) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 16<<20) // a line may quote a whole model's layout
	for scanner.Scan() {
		if e, ok := parseLogLine(scanner.Text()); ok {
			list = append(list, e)
		}
	}
	if err := scanner.Err(); err != nil {
		return list, fmt.Errorf("read Ollama's log: %w", err)
	}
	return list, nil
}

// parseLogLine reads one line of slog's text form, as Ollama v0.17 writes them: llm/server.go, runner/*/cache.go.
func parseLogLine(line string) (e LogEvent, ok bool) {
	text, found := strings.CutPrefix(line, "time=")
	if !found {
		return e, false
	}
	stamp, text, _ := strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return e, false
	}
	e.Time = at.UnixNano()
	switch {
	case strings.Contains(text, ` msg="completion request" `):
		e.Kind = AtRequest
		e.Prompt, ok = number(text, "prompt")
	case strings.Contains(text, ` msg="loading cache slot" `):
		e.Kind = AtSlot
		var both bool
		e.Prompt, ok = number(text, "prompt")
		e.Remaining, both = number(text, "remaining")
		ok = ok && both
	case strings.Contains(text, ` msg=load request="{Operation:commit `):
		e.Kind, ok = AtWeights, true
		e.OnGPU = strings.Contains(text, " GPULayers:") && !strings.Contains(text, " GPULayers:[] ")
	case strings.Contains(text, ` msg="llama runner started in `):
		e.Kind, ok = AtLoaded, true
	}
	return e, ok
}

// number returns the value of key=... in a line.
func number(line, key string) (int, bool) {
	_, value, found := strings.Cut(line, " "+key+"=")
	value, _, _ = strings.Cut(value, " ")
	n, err := strconv.Atoi(value)
	return n, found && err == nil && n >= 0
}
