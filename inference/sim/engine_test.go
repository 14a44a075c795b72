package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// play runs sequences through an engine, each submitted at its Queued time, and returns a line for every step: when it
// began and ended, and who got a token ("a", or "a." for the last).
func play(t *testing.T, c EngineConfig, timing Timing, sequences ...*Sequence) (steps []string) {
	t.Helper()
	e := NewEngine(c, timing)
	name := func(s *Sequence) string { return string(rune('a' + slices.Index(sequences, s))) }
	left := slices.Clone(sequences)
	for now := int64(0); len(steps) < 1000; {
		for len(left) > 0 && left[0].Queued <= now {
			e.Submit(left[0], left[0].Queued)
			left = left[1:]
		}
		end, ok := e.Begin(now)
		if !ok {
			if end == 0 && len(left) == 0 {
				if !e.Idle() {
					t.Fatalf("stuck at %d with %+v after %q", now, e.State(), steps)
				}
				if used := e.State().KVUsed; !c.PrefixCache && used != 0 {
					t.Errorf("%.3f of the KV cache is still used when all is done", used)
				}
				return steps
			}
			next := end
			if len(left) > 0 && (next == 0 || left[0].Queued < next) {
				next = left[0].Queued
			}
			now = next
			continue
		}
		line := fmt.Sprintf("%d-%d", now, end)
		e.Finish(end, func(s *Sequence, last bool) {
			line += " " + name(s)
			if last {
				line += "."
			}
		})
		steps, now = append(steps, line), end
	}
	t.Fatal("it does not end")
	return nil
}

// unit takes 1 for each prompt token and 10 for a step that decodes.
var unit = Linear{PromptToken: 1, StepBase: 10}

func TestEngineSteps(t *testing.T) {
	tests := []struct {
		name      string
		config    EngineConfig
		timing    Timing
		sequences []*Sequence
		want      string
	}{
		{
			"prompts are computed whole, and stall those who decode",
			EngineConfig{Slots: 4}, unit,
			[]*Sequence{{Queued: 0, Prompt: 30, Output: 3}, {Queued: 35, Prompt: 20, Output: 2}},
			"0-30 a, 30-40 a, 40-60 b, 60-70 a. b.",
		},
		{
			"a budget of 16: a token for who decodes, the rest for a chunk",
			EngineConfig{Slots: 4, TokenBudget: 16}, unit,
			[]*Sequence{{Queued: 0, Prompt: 16, Output: 4}, {Queued: 1, Prompt: 40, Output: 2}},
			"0-16 a, 16-41 a, 41-66 a, 66-86 a. b, 86-96 b.",
		},
		{
			"who finds no slot waits",
			EngineConfig{Slots: 1, TokenBudget: 100}, unit,
			[]*Sequence{{Queued: 0, Prompt: 5, Output: 2}, {Queued: 1, Prompt: 5, Output: 1}},
			"0-5 a, 5-15 a., 15-20 b.",
		},
		{
			// Two prompts fill 2 of 3 blocks; both need a second block for their 17th token, and b, the later one, gives way. It is
			// computed anew: 16 of its prompt and the token that it had.
			"the last one loses its KV cache, and computes it again",
			EngineConfig{Slots: 4, TokenBudget: 100, Blocks: 3}, unit,
			[]*Sequence{{Queued: 0, Prompt: 16, Output: 3}, {Queued: 0, Prompt: 16, Output: 3}},
			"0-32 a b, 32-42 a, 42-52 a., 52-69 b, 69-79 b.",
		},
		{
			"batches start when the first has waited, and end together",
			EngineConfig{Slots: 4, StaticBatch: 3, StaticWait: 50}, unit,
			[]*Sequence{{Queued: 0, Prompt: 5, Output: 1}, {Queued: 20, Prompt: 5, Output: 3}, {Queued: 60, Prompt: 5, Output: 1}},
			"50-60 b, 60-70 b, 70-80 a. b., 110-115 c.",
		},
		{
			"a full batch does not wait",
			EngineConfig{Slots: 4, StaticBatch: 2, StaticWait: 1000}, unit,
			[]*Sequence{{Queued: 0, Prompt: 5, Output: 1}, {Queued: 20, Prompt: 5, Output: 1}},
			"20-30 a. b.",
		},
		{
			"a prefix that was computed is not computed again, in whole blocks",
			EngineConfig{Slots: 4, TokenBudget: 100, Blocks: 20, PrefixCache: true}, unit,
			[]*Sequence{{Queued: 0, Prompt: 50, Output: 1, Prefix: 1, PrefixTokens: 40}, {Queued: 60, Prompt: 50, Output: 1, Prefix: 1, PrefixTokens: 40}},
			"0-50 a., 60-78 b.",
		},
	}
	for _, test := range tests {
		if got := strings.Join(play(t, test.config, test.timing, test.sequences...), ", "); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestEngineKeepsAccounts(t *testing.T) {
	a, b := &Sequence{Queued: 0, Prompt: 30, Output: 3}, &Sequence{Queued: 35, Prompt: 20, Output: 2}
	play(t, EngineConfig{Slots: 4}, unit, a, b)
	if a.Stalled != 20 || b.Stalled != 0 {
		t.Errorf("a prompt of 20 stalled a by %d, and b by %d", a.Stalled, b.Stalled)
	}
	a, b = &Sequence{Queued: 0, Prompt: 16, Output: 4}, &Sequence{Queued: 1, Prompt: 40, Output: 2}
	play(t, EngineConfig{Slots: 4, TokenBudget: 16}, unit, a, b)
	if a.Stalled != 15+15+10 || b.Scheduled != 16 || b.FirstToken != 86 || b.Running != 1 {
		t.Errorf("chunks of 15, 15 and 10 stalled a by %d; b was scheduled at %d, beside %d", a.Stalled, b.Scheduled, b.Running)
	}
	a, b = &Sequence{Prompt: 16, Output: 3}, &Sequence{Prompt: 16, Output: 3}
	play(t, EngineConfig{Slots: 4, TokenBudget: 100, Blocks: 3}, unit, a, b)
	if a.Preemptions != 0 || b.Preemptions != 1 || b.Preempted != 69-32 || !slices.Equal(b.LostAt, []int64{32}) {
		t.Errorf("a was preempted %d times, b %d times for %d at %v", a.Preemptions, b.Preemptions, b.Preempted, b.LostAt)
	}
	first, second := &Sequence{Prompt: 50, Output: 1, Prefix: 1, PrefixTokens: 40}, &Sequence{Queued: 60, Prompt: 50, Output: 1, Prefix: 1, PrefixTokens: 40}
	play(t, EngineConfig{Slots: 4, TokenBudget: 100, Blocks: 20, PrefixCache: true}, unit, first, second)
	if first.Cached != 0 || second.Cached != 32 {
		t.Errorf("%d and %d tokens were cached", first.Cached, second.Cached)
	}
}

// Swapping copies what was lost there and back, and computes nothing again.
func TestSwappingCopiesTheCache(t *testing.T) {
	c := EngineConfig{Slots: 4, TokenBudget: 100, Blocks: 3, Swap: true, KVBytes: 1e6}
	r := NewRoofline(Llama8B, H100, 1)
	a, b := &Sequence{Prompt: 16, Output: 3}, &Sequence{Prompt: 16, Output: 3}
	swapped := play(t, c, r, a, b)
	if b.Preemptions != 1 || b.Preempted <= 0 {
		t.Errorf("b was preempted %d times for %d", b.Preemptions, b.Preempted)
	}
	c.Swap = false
	if again := play(t, c, r, &Sequence{Prompt: 16, Output: 3}, &Sequence{Prompt: 16, Output: 3}); len(again) != len(swapped) {
		t.Errorf("swapping takes the steps %q, recomputing %q", swapped, again)
	}
	// 16 tokens of 1 MB over 64 GB/s, each way.
	whole := play(t, EngineConfig{Slots: 4, TokenBudget: 100}, r, &Sequence{Prompt: 16, Output: 3}, &Sequence{Prompt: 16, Output: 3})
	if len(whole) >= len(swapped) {
		t.Errorf("without a limit it takes %d steps, with swapping %d", len(whole), len(swapped))
	}
}

// The roofline against numbers worked out by hand, for 8.03e9 parameters of 2 bytes on 989 TFLOPS and 3.35 TB/s.
func TestRooflineMatchesHandComputation(t *testing.T) {
	r := Roofline{Model: Llama8B, Device: H100, Devices: 1, Compute: 0.5, Read: 0.8}
	near := func(name string, got int64, want float64) {
		t.Helper()
		if off := float64(got)/want - 1; off < -0.001 || off > 0.001 {
			t.Errorf("%s: %d ns, want %.0f", name, got, want)
		}
	}
	// 16.06 GB over 2.68 TB/s; 1000 tokens of context are 131 MB more.
	near("one token", r.Step(Batch{Decodes: 1, Context: 1000}), (16.06e9+0.131072e9)/2.68e12*1e9)
	// 2 x 8.03e9 x 2000 + 2 x 32 x 4096 x 2000 x 2000 FLOP over 494.5 TFLOPS.
	near("a prompt", r.Step(Batch{Prompt: 2000, Squares: 2000 * 2000}), (2*8.03e9*2000+2*32*4096*4e6)/494.5e12*1e9)
	r.Devices = 2
	near("on two devices", r.Step(Batch{Decodes: 1, Context: 1000}), (16.06e9+0.131072e9)/2.68e12/2*1e9)
	r.Devices, r.Offloaded = 1, 0.5
	near("half of the weights on the host", r.Step(Batch{Decodes: 1}), 8.03e9/64e9*1e9)
	if blocks := KVBlocks(Llama8B, H100, 1); blocks != 26674 {
		t.Errorf("%d blocks, want (72 - 16.06) GB / (131072 B x 16)", blocks)
	}
}
