package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A pace is how fast a server answers requests of the usual kind.
type pace struct {
	Together float64 `json:"together_per_s"`  // requests a second, with as many at once as it computes
	Alone    float64 `json:"alone_per_s"`     // one at a time
	Token    float64 `json:"token_ms"`        // of each more token of an answer, one request at a time
	Prompt   float64 `json:"prompt_token_ms"` // of each more token of a prompt, one request at a time
	Long     float64 `json:"long_prompt_ms"`  // of a prompt of longTokens more than of a usual one, one request at a time
}

// rate returns how many requests of a fault's kind the server can serve a second, about, with so many slots.
func (p pace) rate(f *faultCase, slots int) float64 {
	usual := p.Together
	if slots == 1 {
		usual = p.Alone
	}
	more := (f.answers.mean() - outputTokens) * p.Token
	if f.nonce { // what is shared is computed, too
		more += sharedTokens * p.Prompt
	}
	return 1 / (1/usual + more/1e3)
}

// slower is by how much of its time alone a request takes longer for each other one beside it: what the fact
// slower_per_neighbour states.
func (p pace) slower() float64 {
	return max(0, (parallel*p.Alone/p.Together-1)/(parallel-1))
}

// paceTime is the most that measuring the pace may take: a server that gets no processor, because somebody of a higher
// priority takes them all, would never end.
const paceTime = 2 * time.Minute

// measurePace puts the server to the test.
func (m *machine) measurePace(ctx context.Context) (p pace, err error) {
	ctx, cancel := context.WithTimeout(ctx, paceTime)
	defer cancel()
	const requests = differentLengths // of which no two are of one length
	timed := func(atOnce, n int, f faultCase) (seconds float64) {
		begun := time.Now()
		err = errors.Join(err, m.ask(ctx, atOnce, n, f))
		return time.Since(begun).Seconds() / float64(n)
	}
	p.Together = 1 / timed(m.parallel, requests, faultCase{})
	alone := timed(1, requests, faultCase{})
	p.Alone = 1 / alone
	const longer = 200
	p.Token = max(0.01, (timed(1, requests/3, faultCase{answers: answers{median: outputTokens + longer}})-alone)*1e3/longer)
	p.Prompt = max(0.01, (timed(1, requests/3, faultCase{more: longer})-alone)*1e3/longer)
	p.Long = max(1, (timed(1, 3, faultCase{more: longTokens - sharedTokens})-alone)*1e3)
	if err != nil {
		return p, fmt.Errorf("measure what the server can serve: %w", err)
	}
	return p, nil
}
