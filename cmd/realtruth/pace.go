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

// paceTime is the most that measuring the pace may take: a server that gets no processor, because somebody of a higher
// priority takes them all, would never end.
const paceTime = 2 * time.Minute

// measurePace puts the server to the test.
func (m *machine) measurePace(ctx context.Context) (p pace, err error) {
	ctx, cancel := context.WithTimeout(ctx, paceTime)
	defer cancel()
	if err := m.measureRate(ctx, &p); err != nil {
		return p, err
	}
	alone := 1 / p.Alone
	timed := func(n int, f faultCase) (seconds float64) {
		each, failed := m.timed(ctx, 1, n, f)
		err = errors.Join(err, failed)
		return each
	}
	const longer, requests = 200, 20
	p.Token = max(0.01, (timed(requests, faultCase{answers: answers{median: outputTokens + longer}})-alone)*1e3/longer)
	p.Prompt = max(0.01, (timed(requests, faultCase{more: longer})-alone)*1e3/longer)
	p.Long = max(1, (timed(3, faultCase{more: longTokens - sharedTokens})-alone)*1e3)
	return p, err
}

// measureRate measures how many usual requests the server answers a second. What else happens on the machine changes that,
// and with it what a load amounts to.
func (m *machine) measureRate(ctx context.Context, p *pace) error {
	const requests = 40 // of which no two are of one length
	together, err := m.timed(ctx, m.parallel, requests, faultCase{})
	alone, failed := m.timed(ctx, 1, requests, faultCase{})
	p.Together, p.Alone = 1/together, 1/alone
	return errors.Join(err, failed)
}

// timed returns how many seconds one of n requests takes, of which so many are asked at once.
func (m *machine) timed(ctx context.Context, atOnce, n int, f faultCase) (seconds float64, err error) {
	begun := time.Now()
	if err := m.ask(ctx, atOnce, n, f); err != nil {
		return 0, fmt.Errorf("measure what the server can serve: %w", err)
	}
	return time.Since(begun).Seconds() / float64(n), nil
}
