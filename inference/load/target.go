package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A Target is whom a load asks.
type Target struct {
	// URL is the whole address that questions are posted to. Its path says in which API, unless API does.
	URL    *url.URL
	API    string // one of [APIs], or ""
	Model  string
	Stream bool
	Header http.Header // sent with every question, beside its own
	// Simulated says that no model computes there, which every form of the result says too.
	Simulated bool
}

// An api is one way to ask.
type api struct {
	name, path          string
	operation, provider string // gen_ai.operation.name, gen_ai.provider.name
	// list is where the server lists its models.
	list string
	ask  func(t *Target, prompt string, output int) any
}

var apis = []api{
	{"ollama-generate", "/api/generate", "text_completion", "ollama", "/api/tags", askGenerate},
	{"ollama-chat", "/api/chat", "chat", "ollama", "/api/tags", askChat},
	{"openai-chat", "/v1/chat/completions", "chat", "openai", "/v1/models", askOpenAIChat},
	{"openai-completions", "/v1/completions", "text_completion", "openai", "/v1/models", askCompletion},
}

// APIs lists the names of the APIs that can be spoken.
func APIs() (names []string) {
	for _, a := range apis {
		names = append(names, a.name)
	}
	return names
}

// api finds how the target is asked: as it says, else by the end of its path.
func (t *Target) api() (*api, error) {
	path := "/" + strings.Trim(t.URL.Path, "/")
	for i := range apis {
		if a := &apis[i]; t.API == a.name || t.API == "" && strings.HasSuffix(path, a.path) {
			return a, nil
		}
	}
	if t.API != "" {
		return nil, fmt.Errorf("there is no API %q; there are %s", t.API, strings.Join(APIs(), ", "))
	}
	var paths []string
	for _, a := range apis {
		paths = append(paths, a.path)
	}
	return nil, fmt.Errorf("%s does not say which API it speaks: end it with %s, or name the API (%s)",
		t.URL.Redacted(), strings.Join(paths, ", "), strings.Join(APIs(), ", "))
}

func askGenerate(t *Target, prompt string, output int) any {
	return map[string]any{"model": t.Model, "prompt": prompt, "stream": t.Stream, "options": map[string]any{"num_predict": output}}
}

func askChat(t *Target, prompt string, output int) any {
	return map[string]any{"model": t.Model, "messages": userMessage(prompt), "stream": t.Stream, "options": map[string]any{"num_predict": output}}
}

func askOpenAIChat(t *Target, prompt string, output int) any {
	return t.openAI(map[string]any{"messages": userMessage(prompt), "max_tokens": output})
}

func askCompletion(t *Target, prompt string, output int) any {
	return t.openAI(map[string]any{"prompt": prompt, "max_tokens": output})
}

func userMessage(prompt string) []map[string]string {
	return []map[string]string{{"role": "user", "content": prompt}}
}

func (t *Target) openAI(question map[string]any) any {
	question["model"], question["stream"] = t.Model, t.Stream
	if t.Stream {
		question["stream_options"] = map[string]bool{"include_usage": true}
	}
	return question
}

// A piece is what one message of an answer says, in whichever API.
type piece struct {
	text      bool // it carries output that is no reasoning
	reasoning bool
	done      bool // the answer is complete
	finish    string
	model     string
	id        string
	input     *int // tokens
	output    *int
	failed    string // an error in the middle of the answer
}

// A message is the union of what the APIs send.
type message struct {
	Model string `json:"model"`
	ID    string `json:"id"`

	// Ollama
	Response   string     `json:"response"`
	Thinking   string     `json:"thinking"`
	Message    spoken     `json:"message"`
	Done       bool       `json:"done"`
	DoneReason string     `json:"done_reason"`
	PromptEval *int       `json:"prompt_eval_count"`
	Eval       *int       `json:"eval_count"`
	Error      *errorText `json:"error"`

	// OpenAI
	Choices []struct {
		Delta        spoken `json:"delta"`
		Message      spoken `json:"message"`
		Text         string `json:"text"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
	} `json:"usage"`
}

type spoken struct {
	Content          string            `json:"content"`
	Thinking         string            `json:"thinking"`          // Ollama
	ReasoningContent string            `json:"reasoning_content"` // vLLM, SGLang, DeepSeek
	Reasoning        string            `json:"reasoning"`         // Ollama's /v1, OpenRouter
	ToolCalls        []json.RawMessage `json:"tool_calls"`
}

// errorText reads an error, which is a text or an object with a message.
type errorText string

func (e *errorText) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*e = errorText(text)
		return nil
	}
	var object struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(data, &object); err != nil || object.Message == "" {
		*e = errorText(data)
		return nil
	}
	*e = errorText(object.Message)
	return nil
}

// readPiece reads one message of an answer.
func readPiece(data []byte) (p piece, err error) {
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return p, fmt.Errorf("a message of the answer is no JSON: %w", err)
	}
	if m.Error != nil {
		p.failed = string(*m.Error)
		if p.failed == "" {
			p.failed = "an error without words"
		}
	}
	p.model, p.id, p.done, p.finish, p.input, p.output = m.Model, m.ID, m.Done, m.DoneReason, m.PromptEval, m.Eval
	p.text, p.reasoning = m.Response != "", m.Thinking != ""
	p.spoken(m.Message)
	for _, c := range m.Choices {
		p.text = p.text || c.Text != ""
		p.spoken(c.Delta)
		p.spoken(c.Message)
		if c.FinishReason != "" {
			p.done, p.finish = true, c.FinishReason
		}
	}
	if m.Usage != nil {
		p.input, p.output = &m.Usage.Prompt, &m.Usage.Completion
	}
	return p, nil
}

func (p *piece) spoken(s spoken) {
	p.text = p.text || s.Content != "" || len(s.ToolCalls) > 0
	p.reasoning = p.reasoning || s.Thinking != "" || s.ReasoningContent != "" || s.Reasoning != ""
}

func (t *Target) check() error {
	switch {
	case t.URL == nil || t.URL.Scheme != "http" && t.URL.Scheme != "https" || t.URL.Host == "":
		return errors.New("want a target such as http://127.0.0.1:11434/api/chat")
	case t.Model == "":
		return errors.New("want a model to ask for")
	}
	return nil
}
