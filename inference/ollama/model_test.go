package ollama

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ollama/ollama/fs/ggml"
)

var small = Shape{Name: "tiny", Layers: 2, Width: 64, Heads: 4, KVHeads: 2, FeedForward: 128, Vocabulary: minVocabulary, Contexts: 2048}

func TestModelIsTheSameForTheSameSeed(t *testing.T) {
	write := func(seed uint64) []byte {
		path := filepath.Join(t.TempDir(), "model.gguf")
		if err := WriteModel(path, small, seed); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first := write(7)
	if !bytes.Equal(first, write(7)) {
		t.Error("two models of one seed differ")
	}
	if bytes.Equal(first, write(8)) {
		t.Error("models of two seeds are the same")
	}
	if weights := 2 * small.Parameters(); int64(len(first)) < weights {
		t.Errorf("the file has %d bytes, fewer than its %d bytes of weights", len(first), weights)
	}
}

// Ollama's own reader finds every tensor that llama's architecture has, each inside the file.
func TestModelIsReadByOllama(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := WriteModel(path, small, 1); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := ggml.Decode(f, -1)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if g.Length > info.Size() {
		t.Errorf("its tensors end at %d, the file at %d", g.Length, info.Size())
	}
	var elements uint64
	for _, tensor := range g.Tensors().Items() {
		elements += tensor.Elements()
	}
	if want := uint64(small.Parameters()); elements != want || g.KV().ParameterCount() != want {
		t.Errorf("the tensors hold %d weights and the file states %d, want %d", elements, g.KV().ParameterCount(), want)
	}
}

func TestShapesHaveTheParametersOfTheirNames(t *testing.T) {
	for _, s := range Shapes {
		want := map[string]float64{"5M": 5e6, "40M": 40e6, "1B": 1.5e9, "8B": 8e9}[s.Name] // 1B ties its embeddings in Llama 3.2; here they count twice
		if got := float64(s.Parameters()); got < 0.9*want || got > 1.1*want {
			t.Errorf("%s has %.3g parameters", s.Name, got)
		}
	}
}

func TestModelsThatCannotBeWritten(t *testing.T) {
	folder := t.TempDir()
	few := small
	few.Vocabulary = 10
	if err := WriteModel(filepath.Join(folder, "few.gguf"), few, 1); err == nil || !strings.Contains(err.Error(), "want 358 to") {
		t.Errorf("10 tokens: %v", err)
	}
	if err := WriteModel(filepath.Join(folder, "no", "such", "folder.gguf"), small, 1); err == nil {
		t.Error("a model was written into a folder that is not there")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%d files are left behind: %v", len(left), err)
	}
}

// Every text survives the vocabulary, and the words that it was made of become few tokens.
func TestVocabularyEncodesEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.gguf")
	shape := small
	shape.Vocabulary = 12000
	if err := WriteModel(path, shape, 1); err != nil {
		t.Fatal(err)
	}
	own, err := TokenizerOfFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		"":                       0,
		"tene":                   1, // two syllables
		" tene":                  1,
		"x":                      1,
		"tene tene":              2,
		"Why so slow?":           9,  // W h y " so" " " s lo w ?
		"z\u00fcrich \U0001f600": 11, // z, 2 bytes, ri c h " ", 4 bytes
	} {
		if n, err := own.Count(text); err != nil || n != want {
			t.Errorf("%q is %d tokens, want %d (%v)", text, n, want, err)
		}
		ids, err := own.bpe.Encode(text, false)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := own.bpe.Decode(ids); err != nil || back != text {
			t.Errorf("%q came back as %q (%v)", text, back, err)
		}
	}
}
