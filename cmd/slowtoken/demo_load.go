package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

// A demoRequest is one question, and when it is asked.
type demoRequest struct {
	at     time.Duration // since the load began
	prompt string
	output int // tokens
}

// demoWords fill prompts.
var demoWords = strings.Fields("why does the first token of this answer take so long when the server seems to have nothing else to do at all")

// drawDemoRequests draws the requests of a load, at a rate a second; scale makes prompts and answers shorter. The same
// arguments draw the same requests.
func drawDemoRequests(rate, scale float64, length time.Duration) (list []demoRequest) {
	r := rand.New(rand.NewPCG(1, 2))
	for at := range arrival.Poisson(rate)(rand.New(rand.NewPCG(3, 4))) {
		if at >= int64(length) {
			return list
		}
		var prompt strings.Builder
		for range max(3, int(scale*float64(logNormal(r, 40, 0.5, 8, 160)))) {
			prompt.WriteString(demoWords[r.IntN(len(demoWords))] + " ")
		}
		list = append(list, demoRequest{time.Duration(at), prompt.String(), max(2, int(scale*float64(logNormal(r, 40, 0.5, 8, 160))))})
	}
	return list
}

func logNormal(r *rand.Rand, median, sigma float64, low, high int) int {
	return min(max(int(median*math.Exp(sigma*r.NormFloat64())), low), high)
}

// A demoClient asks a gateway.
type demoClient struct {
	gateway, model string
	http           *http.Client
}

func newDemoClient(gateway, model string) *demoClient {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.MaxIdleConnsPerHost = nil, 64
	return &demoClient{gateway: gateway, model: model, http: &http.Client{Transport: transport}}
}

func (c *demoClient) close() { c.http.CloseIdleConnections() }

// ask sends one question and reads its answer to the end.
func (c *demoClient) ask(ctx context.Context, r demoRequest) error {
	body, err := json.Marshal(map[string]any{
		"model": c.model, "prompt": r.prompt, "options": map[string]any{"num_predict": r.output, "seed": 1},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gateway+"/api/generate", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(answer))
	}
	return err
}

// throughput returns how many requests a second are answered when users ask one after the other for a while.
func (c *demoClient) throughput(ctx context.Context, list []demoRequest, users int, length time.Duration) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun := time.Now()
	var next, answered atomic.Int64
	var all sync.WaitGroup
	for range users {
		all.Go(func() {
			for time.Since(begun) < length && ctx.Err() == nil {
				if err := c.ask(ctx, list[int(next.Add(1)-1)%len(list)]); err != nil {
					cancel(err)
					return
				}
				answered.Add(1)
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return float64(answered.Load()) / time.Since(begun).Seconds(), nil
}

// send asks every question at its time over pace, whether the ones before are answered or not, and waits for all answers.
// It returns how many failed, with the first error.
func (c *demoClient) send(ctx context.Context, list []demoRequest, pace float64) (failed int, first error) {
	begun := time.Now()
	errs := make(chan error, len(list))
	var all sync.WaitGroup
	for _, r := range list {
		if pause(ctx, time.Until(begun.Add(time.Duration(float64(r.at)/pace)))) != nil {
			break
		}
		all.Go(func() { errs <- c.ask(ctx, r) })
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			failed++
			if first == nil {
				first = err
			}
		}
	}
	if ctx.Err() != nil {
		return failed, context.Cause(ctx)
	}
	return failed, first
}
