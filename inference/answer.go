package inference

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/openai"
)

// An answer turns the lines of Ollama's stream into what the client is sent.
type answer interface {
	contentType() string
	// line takes the next line and returns what to send now, nothing for an answer that is sent whole. c is the same
	// line as the gateway reads it.
	line(raw []byte, c *chunk) ([]byte, error)
}

// A chunk is what the gateway reads of a line of Ollama's stream, whichever API it is of.
type chunk struct {
	Model     string    `json:"model"`
	CreatedAt time.Time `json:"created_at"`
	Response  string    `json:"response"`
	Thinking  string    `json:"thinking"`
	Message   struct {
		Content   string            `json:"content"`
		Thinking  string            `json:"thinking"`
		ToolCalls []json.RawMessage `json:"tool_calls"`
	} `json:"message"`
	Done       bool   `json:"done"`
	DoneReason string `json:"done_reason"`
	Error      string `json:"error"`

	Total           time.Duration `json:"total_duration"`
	Load            time.Duration `json:"load_duration"`
	PromptEval      time.Duration `json:"prompt_eval_duration"`
	Eval            time.Duration `json:"eval_duration"`
	PromptEvalCount *int          `json:"prompt_eval_count"`
	EvalCount       *int          `json:"eval_count"`
}

// output reports whether a chunk carries any of the answer.
func (c *chunk) output() bool {
	return c.Response != "" || c.Thinking != "" || c.Message.Content != "" || c.Message.Thinking != "" || len(c.Message.ToolCalls) > 0
}

// A nativeStream passes lines on as they are.
type nativeStream struct{}

func (nativeStream) contentType() string { return "application/x-ndjson" }

func (nativeStream) line(raw []byte, _ *chunk) ([]byte, error) { return append(raw, '\n'), nil }

// A nativeWhole collects a stream into the one object that Ollama answers when no stream is asked for: the last line
// with the text of all of them.
type nativeWhole struct {
	field               string // what holds the text: response or message
	content, thinking   strings.Builder
	toolCalls, logprobs []json.RawMessage
}

func newNativeAnswer(stream bool, field string) answer {
	if stream {
		return nativeStream{}
	}
	return &nativeWhole{field: field}
}

func (*nativeWhole) contentType() string { return "application/json; charset=utf-8" }

func (w *nativeWhole) line(raw []byte, c *chunk) ([]byte, error) {
	var lists struct {
		Logprobs []json.RawMessage `json:"logprobs"`
	}
	if err := json.Unmarshal(raw, &lists); err != nil {
		return nil, err
	}
	w.content.WriteString(c.Response + c.Message.Content)
	w.thinking.WriteString(c.Thinking + c.Message.Thinking)
	w.toolCalls = append(w.toolCalls, c.Message.ToolCalls...)
	w.logprobs = append(w.logprobs, lists.Logprobs...)
	if !c.Done {
		return nil, nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	text := fields // where content and thinking go
	contentKey := "response"
	if w.field == "message" {
		contentKey, text = "content", map[string]json.RawMessage{"role": json.RawMessage(`"assistant"`)}
		if last, ok := fields["message"]; ok {
			if err := json.Unmarshal(last, &text); err != nil {
				return nil, err
			}
		}
	}
	set := func(in map[string]json.RawMessage, key string, value any) error {
		data, err := json.Marshal(value)
		in[key] = data
		return err
	}
	err := set(text, contentKey, w.content.String())
	if w.thinking.Len() > 0 && err == nil {
		err = set(text, "thinking", w.thinking.String())
	}
	if len(w.toolCalls) > 0 && err == nil {
		err = set(text, "tool_calls", w.toolCalls)
	}
	if len(w.logprobs) > 0 && err == nil {
		err = set(fields, "logprobs", w.logprobs)
	}
	if w.field == "message" && err == nil {
		err = set(fields, "message", text)
	}
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(fields)
	return append(data, '\n'), err
}

// An openAIAnswer speaks OpenAI's chat completions, translated as Ollama itself does.
type openAIAnswer struct {
	id            string
	stream, usage bool
	calledTool    bool
	whole         api.ChatResponse
}

func newOpenAIAnswer(stream, usage bool) answer {
	return &openAIAnswer{id: fmt.Sprintf("chatcmpl-%d", rand.IntN(1e9)), stream: stream, usage: usage}
}

func (a *openAIAnswer) contentType() string {
	if a.stream {
		return "text/event-stream"
	}
	return "application/json"
}

func (a *openAIAnswer) line(raw []byte, _ *chunk) ([]byte, error) {
	var said api.ChatResponse
	if err := json.Unmarshal(raw, &said); err != nil {
		return nil, err
	}
	if !a.stream {
		return a.collect(said)
	}
	c := openai.ToChunk(a.id, said, a.calledTool)
	a.calledTool = a.calledTool || len(said.Message.ToolCalls) > 0
	out, err := event(nil, c)
	if !said.Done || err != nil {
		return out, err
	}
	if a.usage {
		usage := openai.ToUsage(said)
		c.Usage, c.Choices = &usage, []openai.ChunkChoice{}
		if out, err = event(out, c); err != nil {
			return nil, err
		}
	}
	return append(out, "data: [DONE]\n\n"...), nil
}

// event appends a server-sent event.
func event(to []byte, of any) ([]byte, error) {
	data, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	return append(append(append(to, "data: "...), data...), "\n\n"...), nil
}

func (a *openAIAnswer) collect(said api.ChatResponse) ([]byte, error) {
	whole := a.whole.Message
	whole.Role = "assistant"
	whole.Content += said.Message.Content
	whole.Thinking += said.Message.Thinking
	whole.ToolCalls = append(whole.ToolCalls, said.Message.ToolCalls...)
	logprobs := append(a.whole.Logprobs, said.Logprobs...)
	a.whole = said
	a.whole.Message, a.whole.Logprobs = whole, logprobs
	if !said.Done {
		return nil, nil
	}
	data, err := json.Marshal(openai.ToChatCompletion(a.id, a.whole))
	return append(data, '\n'), err
}
