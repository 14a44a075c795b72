package inference

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/openai"
)

// A question is a request as the gateway understood it.
type question struct {
	operation string // gen_ai.operation.name
	model     string
	path      string // of Ollama's API that it goes to
	body      []byte // what goes there; always asks for a stream, so that first tokens can be seen
	prompt    string // the text that is prefilled, as far as the request holds it
	stream    bool   // the client wants a stream
	maxTokens int    // 0 while unstated
	unloads   bool   // the model is not kept for long behind the answer (keep_alive)
	answer    func() answer
}

// An askedAPI is one way to ask.
type askedAPI struct {
	path string
	read func(body []byte) (*question, error)
	// refuse spells an error the way clients of this API expect it.
	refuse func(status int, message string) []byte
}

var askedAPIs = []askedAPI{
	{"/api/generate", readGenerate, ollamaError},
	{"/api/chat", readChat, ollamaError},
	{"/v1/chat/completions", readOpenAIChat, openAIError},
}

func ollamaError(_ int, message string) []byte {
	data, _ := json.Marshal(map[string]string{"error": message}) // strings cannot fail
	return append(data, '\n')
}

func openAIError(status int, message string) []byte {
	data, _ := json.Marshal(openai.NewError(status, message)) // strings cannot fail
	return append(data, '\n')
}

func readGenerate(body []byte) (*question, error) {
	var asked api.GenerateRequest
	q, err := readNative(body, &asked, &asked.Stream)
	if err != nil {
		return nil, err
	}
	q.operation, q.path, q.model = "text_completion", "/api/generate", asked.Model
	q.prompt = strings.TrimSpace(asked.System + "\n" + asked.Prompt + asked.Suffix)
	q.maxTokens, q.unloads = predict(asked.Options), unloads(asked.KeepAlive)
	q.answer = func() answer { return newNativeAnswer(q.stream, "response") }
	return q, q.check()
}

func readChat(body []byte) (*question, error) {
	var asked api.ChatRequest
	q, err := readNative(body, &asked, &asked.Stream)
	if err != nil {
		return nil, err
	}
	q.operation, q.path, q.model = "chat", "/api/chat", asked.Model
	q.prompt = textOf(asked.Messages)
	q.maxTokens, q.unloads = predict(asked.Options), unloads(asked.KeepAlive)
	q.answer = func() answer { return newNativeAnswer(q.stream, "message") }
	return q, q.check()
}

// readNative reads a request of Ollama's own API. What goes on is what came, fields that are not known here too, save
// that a stream is asked for.
func readNative(body []byte, asked any, stream **bool) (*question, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, fmt.Errorf("the request is not a JSON object: %w", err)
	}
	if err := json.Unmarshal(body, asked); err != nil {
		return nil, fmt.Errorf("the request cannot be read: %w", err)
	}
	q := &question{stream: *stream == nil || **stream}
	fields["stream"] = json.RawMessage("true")
	var err error
	q.body, err = json.Marshal(fields)
	return q, err
}

func readOpenAIChat(body []byte) (*question, error) {
	var asked openai.ChatCompletionRequest
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, fmt.Errorf("the request cannot be read: %w", err)
	}
	if len(asked.Messages) == 0 {
		return nil, errors.New("the request has no messages")
	}
	chat, err := openai.FromChatRequest(asked)
	if err != nil {
		return nil, fmt.Errorf("the request cannot be read: %w", err)
	}
	q := &question{operation: "chat", path: "/api/chat", model: asked.Model, stream: asked.Stream, prompt: textOf(chat.Messages)}
	if asked.MaxTokens != nil {
		q.maxTokens = *asked.MaxTokens
	}
	usage := asked.StreamOptions != nil && asked.StreamOptions.IncludeUsage
	q.answer = func() answer { return newOpenAIAnswer(q.stream, usage) }
	yes := true
	chat.Stream = &yes
	if q.body, err = json.Marshal(chat); err != nil {
		return nil, err
	}
	return q, q.check()
}

func (q *question) check() error {
	if q.model == "" {
		return errors.New("the request names no model")
	}
	return nil
}

func textOf(messages []api.Message) string {
	var text strings.Builder
	for _, m := range messages {
		text.WriteString(m.Content)
		text.WriteByte('\n')
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// predict returns the limit on the length of the answer that options state, 0 for none.
func predict(options map[string]any) int {
	if n, ok := options["num_predict"].(float64); ok && n > 0 && n < 1<<31 {
		return int(n)
	}
	return 0
}

// unloads reports whether a request asks that the model be gone before an answer counts as old.
func unloads(keep *api.Duration) bool { return keep != nil && keep.Duration <= fresh }
