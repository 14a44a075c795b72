package ollama

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/ollama/ollama/fs/ggml"
)

// A Shape is the size of a model of llama's architecture.
type Shape struct {
	Name                 string // such as "40M", the number of its parameters
	Layers, Width        int
	Heads, KVHeads       int
	FeedForward          int
	Vocabulary, Contexts int // tokens
}

// Shapes lists the shapes that a model can be made in; those from 1B on have the dimensions of Llama 3.2 1B and
// Llama 3.1 8B.
var Shapes = []Shape{
	{Name: "5M", Layers: 6, Width: 192, Heads: 6, KVHeads: 2, FeedForward: 512, Vocabulary: 6000, Contexts: 32768},
	{Name: "40M", Layers: 12, Width: 448, Heads: 8, KVHeads: 4, FeedForward: 1344, Vocabulary: 12000, Contexts: 32768},
	{Name: "1B", Layers: 16, Width: 2048, Heads: 32, KVHeads: 8, FeedForward: 8192, Vocabulary: 128256, Contexts: 131072},
	{Name: "8B", Layers: 32, Width: 4096, Heads: 32, KVHeads: 8, FeedForward: 14336, Vocabulary: 128256, Contexts: 131072},
}

// Parameters returns how many weights a model of the shape has.
func (s Shape) Parameters() (n int64) {
	for _, t := range s.tensors() {
		n += t.rows * t.columns
	}
	return n
}

// A tensor is one matrix of weights, or with one row a vector.
type tensor struct {
	name          string
	rows, columns int64
	norm          bool // a vector of ones
}

func (s Shape) tensors() (list []tensor) {
	width, kv := int64(s.Width), int64(s.Width/s.Heads*s.KVHeads)
	matrix := func(name string, rows, columns int64) {
		list = append(list, tensor{name: name + ".weight", rows: rows, columns: columns})
	}
	norm := func(name string) {
		list = append(list, tensor{name: name + ".weight", rows: 1, columns: width, norm: true})
	}
	matrix("token_embd", int64(s.Vocabulary), width)
	norm("output_norm")
	matrix("output", int64(s.Vocabulary), width)
	for i := range s.Layers {
		layer := fmt.Sprintf("blk.%d.", i)
		norm(layer + "attn_norm")
		matrix(layer+"attn_q", width, width)
		matrix(layer+"attn_k", kv, width)
		matrix(layer+"attn_v", kv, width)
		matrix(layer+"attn_output", width, width)
		norm(layer + "ffn_norm")
		matrix(layer+"ffn_gate", int64(s.FeedForward), width)
		matrix(layer+"ffn_up", int64(s.FeedForward), width)
		matrix(layer+"ffn_down", width, int64(s.FeedForward))
	}
	return list
}

// WriteModel writes a GGUF file of random 16-bit weights with a vocabulary of our own. The same shape and seed give the
// same bytes. Its answers are syllables without sense, at the speed of a model of that size, and they do not end before
// the limit that a request sets.
//
// For that the tokens that may not stand in an answer are sealed: the first number of every token's embedding is
// large, no layer writes to it, and the output weight of sealed tokens for it is negative.
func WriteModel(path string, shape Shape, seed uint64) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the model %s: %w", path, err)
		}
	}()
	if shape.Vocabulary < minVocabulary || shape.Vocabulary > maxVocabulary {
		return fmt.Errorf("a vocabulary of %d tokens cannot be made: want %d to %d", shape.Vocabulary, minVocabulary, maxVocabulary)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".slowtoken-model-*")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Chmod(f.Name(), 0o644)
		}
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	v, plain := newVocabulary(shape.Vocabulary)
	numbers := newNoise(seed)
	var tensors []*ggml.Tensor
	for i, t := range shape.tensors() {
		out := &ggml.Tensor{Name: t.name, Kind: kindF16, Shape: []uint64{uint64(t.columns), uint64(t.rows)}}
		if t.norm {
			out.Kind, out.Shape = kindF32, []uint64{uint64(t.columns)}
		}
		out.WriterTo = &weights{tensor: t, plain: plain, noise: numbers, random: *rand.NewPCG(seed, uint64(i)+1)}
		tensors = append(tensors, out)
	}
	return ggml.WriteGGUF(f, ggml.KV{
		"general.architecture":                   "llama",
		"general.name":                           "slowtoken random " + shape.Name,
		"general.file_type":                      uint32(1), // mostly 16-bit floats
		"general.parameter_count":                uint64(shape.Parameters()),
		"llama.block_count":                      uint32(shape.Layers),
		"llama.context_length":                   uint32(shape.Contexts),
		"llama.embedding_length":                 uint32(shape.Width),
		"llama.feed_forward_length":              uint32(shape.FeedForward),
		"llama.attention.head_count":             uint32(shape.Heads),
		"llama.attention.head_count_kv":          uint32(shape.KVHeads),
		"llama.attention.key_length":             uint32(shape.Width / shape.Heads),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5),
		"llama.rope.dimension_count":             uint32(shape.Width / shape.Heads),
		"llama.rope.freq_base":                   float32(500000),
		"llama.vocab_size":                       uint32(shape.Vocabulary),
		"tokenizer.ggml.model":                   v.Model,
		"tokenizer.ggml.pre":                     v.Pre,
		"tokenizer.ggml.tokens":                  v.Tokens,
		"tokenizer.ggml.token_type":              v.Types,
		"tokenizer.ggml.merges":                  v.Merges,
		"tokenizer.ggml.bos_token_id":            uint32(0),
		"tokenizer.ggml.eos_token_id":            uint32(1),
		"tokenizer.ggml.add_bos_token":           false,
	}, tensors)
}

// Kinds of weights, as GGUF numbers them.
const (
	kindF32 = 0
	kindF16 = 1
)
