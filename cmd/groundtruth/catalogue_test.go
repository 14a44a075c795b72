package main

import (
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/rules"
)

// A label that no rule has can never be right.
func TestEveryLabelIsARule(t *testing.T) {
	set, err := rules.Load(rules.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fault.Faults {
		for _, id := range f.Label.Rules {
			if set.Rule(id) == nil {
				t.Errorf("%s is labelled %s, which is no rule", f.Name, id)
			}
		}
	}
}

// The least that must hold of a small part of what is for tuning: the whole is measured by make ground-truth.
func TestSmallPartIsAnsweredRightly(t *testing.T) {
	const leastTop1, mostAlarms = 0.5, 0.1 // less than what is measured now, and no goal
	s, b := testBench(t)
	all, err := s.scenarios()
	if err != nil {
		t.Fatal(err)
	}
	var list []scenario
	for _, c := range all {
		small := c.workload == s.Workloads.Develop[0] && slices.Contains(s.Shapes.Develop[:2], c.shape)
		if small && (c.part == partDevelop || c.part == partHealthy) {
			c.dialects, c.seconds = c.dialects[:1], 120
			list = append(list, c)
		}
	}
	results, err := b.measureAll(t.Context(), list, 2, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	board := newBoard(s, b.rulesHash, results)
	right, alarm := top(board.scoring(partDevelop), 1), alarms(board.of(partHealthy))
	t.Logf("top-1 %s; false alarms %s", right, alarm)
	if right.n < 15 || right.value() < leastTop1 {
		t.Errorf("top-1 is %s, want at least %.0f %%", right, 100*leastTop1)
	}
	if alarm.n < 10 || alarm.value() > mostAlarms {
		t.Errorf("false alarms are %s, want at most %.0f %%", alarm, 100*mostAlarms)
	}
	for _, m := range misses(slices.Concat(board.scoring(partDevelop), board.of(partHealthy))) {
		t.Logf("missed: %s, named %q", m.fault, m.named)
	}
}
