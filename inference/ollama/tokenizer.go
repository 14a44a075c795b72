package ollama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/ollama/ollama/fs/ggml"
	"github.com/ollama/ollama/tokenizer"
)

// A Tokenizer splits text into the tokens of one model. It may be used from several goroutines at once.
type Tokenizer struct {
	bpe tokenizer.BytePairEncoding
}

// Count returns how many tokens text is, without the ones that a template or the server adds around it.
func (t *Tokenizer) Count(text string) (int, error) {
	ids, err := t.bpe.Encode(text, false)
	if err != nil {
		return 0, fmt.Errorf("tokenize %d bytes: %w", len(text), err)
	}
	return len(ids), nil
}

// A vocabulary is what a model's file says of its tokens, under the names that GGUF files and /api/show share.
type vocabulary struct {
	Model  string   `json:"tokenizer.ggml.model"`
	Pre    string   `json:"tokenizer.ggml.pre"`
	Tokens []string `json:"tokenizer.ggml.tokens"`
	Types  []int32  `json:"tokenizer.ggml.token_type"`
	Merges []string `json:"tokenizer.ggml.merges"`
}

// pretokenizers are the patterns that text is cut with before pairs are merged, by tokenizer.ggml.pre, as Ollama has
// them (model/models/llama/model.go at v0.17.4). A model with another one is not tokenized: a guess would count wrong.
var pretokenizers = map[string][]string{
	"default": nil, // GPT-2's own
	"llama-bpe": {
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	},
	"qwen2": {
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	},
	"tekken": {
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	},
}

func (v *vocabulary) tokenizer() (*Tokenizer, error) {
	if v.Model != "gpt2" {
		return nil, fmt.Errorf("its tokenizer is %q, and only byte pair encoding (gpt2) is known here", v.Model)
	}
	patterns, known := pretokenizers[v.Pre]
	if !known {
		return nil, fmt.Errorf("it cuts text as %q before merging pairs, which is not known here", v.Pre)
	}
	if len(v.Tokens) == 0 || len(v.Types) != len(v.Tokens) {
		return nil, fmt.Errorf("it lists %d tokens and the types of %d", len(v.Tokens), len(v.Types))
	}
	t := &Tokenizer{tokenizer.NewBytePairEncoding(&tokenizer.Vocabulary{Values: v.Tokens, Types: v.Types, Merges: v.Merges}, patterns...)}
	_, err := t.Count("a") // builds its tables, which takes longer than most prompts do
	return t, err
}

// TokenizerOfFile reads the vocabulary of a GGUF file.
func TokenizerOfFile(path string) (_ *Tokenizer, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the vocabulary of a model: %w", err)
	}
	defer f.Close()
	v, err := readVocabulary(f)
	if err != nil {
		return nil, fmt.Errorf("read the vocabulary of %s: %w", path, err)
	}
	t, err := v.tokenizer()
	if err != nil {
		return nil, fmt.Errorf("read the vocabulary of %s: %w", path, err)
	}
	return t, nil
}

func readVocabulary(r io.ReadSeeker) (v *vocabulary, err error) {
	defer func() {
		if problem := recover(); problem != nil { // the reader trusts lengths and types in the file
			err = fmt.Errorf("the file is damaged: %v", problem)
		}
	}()
	g, err := ggml.Decode(r, -1)
	if err != nil {
		return nil, err
	}
	kv := g.KV()
	return &vocabulary{
		Model:  kv.String("tokenizer.ggml.model"),
		Pre:    kv.String("tokenizer.ggml.pre"),
		Tokens: kv.Strings("tokenizer.ggml.tokens"),
		Types:  kv.Ints("tokenizer.ggml.token_type"),
		Merges: kv.Strings("tokenizer.ggml.merges"),
	}, nil
}

// maxShown bounds an answer of /api/show: the largest vocabularies, of 256 k tokens, come to 10 MB.
const maxShown = 256 << 20

// TokenizerOfServer asks the Ollama server at base for the vocabulary of a model (POST /api/show).
func TokenizerOfServer(ctx context.Context, client *http.Client, base *url.URL, model string) (*Tokenizer, error) {
	ask, err := json.Marshal(map[string]any{"model": model, "verbose": true})
	if err != nil {
		return nil, err
	}
	at := base.JoinPath("/api/show").String()
	fail := func(err error) (*Tokenizer, error) {
		return nil, fmt.Errorf("ask %s for the vocabulary of %s: %w", at, model, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(ask))
	if err != nil {
		return fail(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return fail(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fail(errors.New(res.Status))
	}
	var shown struct {
		Info vocabulary `json:"model_info"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxShown)).Decode(&shown); err != nil {
		return fail(err)
	}
	t, err := shown.Info.tokenizer()
	if err != nil {
		return fail(err)
	}
	return t, nil
}
