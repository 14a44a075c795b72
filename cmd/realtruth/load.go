package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/ollama"
)

// A prompter writes prompts of a number of tokens, by the model's own vocabulary.
type prompter struct{ tokenizer *ollama.Tokenizer }

// syllables are one token each, with the space before them.
var syllables = strings.Fields("te ta ti to tu ne na ni no nu re ra ri ro ru se sa si so su le la li lo lu")

func words(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(' ')
		b.WriteString(syllables[r.IntN(len(syllables))])
	}
	return b.String()
}

// shared is what all prompts begin with.
func shared() string { return words(rand.New(rand.NewPCG(7, 7)), sharedTokens) }

// plan draws the requests of a run. The first differentLengths have prompts of different lengths, so that each of them is
// found in the server's log; all others have one length, and are not looked for.
// rate is how many of them a second can be served, each how long prefill of a long prompt takes, in seconds.
func (p *prompter) plan(f *faultCase, rate, each float64, length int64, seed uint64) ([]planned, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	var load []planned
	process := arrival.Poisson(f.share * rate)
	if f.load != nil {
		process = f.load(f.share*rate, length)
	}
	for at := range process(r) {
		if at >= length {
			break
		}
		load = append(load, planned{at: at, tokens: f.more + ownTokens(len(load)), output: f.answers.draw(r), unload: f.unload})
	}
	// Lengths have nothing to do with when a request comes.
	r.Shuffle(len(load), func(i, k int) { load[i].tokens, load[k].tokens = load[k].tokens, load[i].tokens })
	if f.long > 0 {
		for at := range arrival.Constant(f.long / each)(r) {
			if at >= length {
				break
			}
			load = append(load, planned{at: at, tokens: longTokens - sharedTokens + len(load), output: outputTokens})
		}
		slices.SortStableFunc(load, func(a, b planned) int { return int(a.at - b.at) })
	}
	for i := range load {
		if err := p.write(&load[i], f.nonce, r); err != nil {
			return nil, err
		}
	}
	return load, nil
}

// ownTokens is how long a prompt is behind what all share.
func ownTokens(i int) int {
	if i >= differentLengths {
		return leastTokens + 3*differentLengths/2 + 1 // as long as the others are on average
	}
	return leastTokens + 3*i
}

// write makes the prompt: what is shared, then words of its own; or first of all a nonce.
func (p *prompter) write(q *planned, nonce bool, r *rand.Rand) error {
	q.prompt = shared() + words(r, q.tokens)
	if nonce {
		q.prompt = words(r, 4) + shared() + words(r, q.tokens)
	}
	n, err := p.tokenizer.Count(q.prompt)
	if err != nil {
		return fmt.Errorf("tokenize a prompt: %w", err)
	}
	q.tokens = n
	return nil
}
