package main

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

func sums(run *sim.Run) (ttft, e2e [analyzer.NumPhases]float64) {
	n := float64(len(run.Requests))
	for i := range run.Requests {
		a, b := sim.ByPhase(run.Requests[i].FirstTokenLedger()), sim.ByPhase(run.Requests[i].Ledger())
		for p := range a {
			ttft[p] += float64(a[p]) / n
			e2e[p] += float64(b[p]) / n
		}
	}
	return
}

func TestZZCheck(t *testing.T) {
	s, _ := readSplit()
	list, err := s.scenarios()
	if err != nil {
		t.Fatal(err)
	}
	own := &owners{seed: s.Seeds.Calibration}
	lines := make([]string, len(list))
	var wg sync.WaitGroup
	sem := make(chan bool, 2)
	for i := range list {
		c := &list[i]
		if n := c.injections[0].Fault.Name; c.part != partHeldOut || n != "new-connections" && n != "polling-reader" && n != "logits-processor" {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			sem <- true
			defer func() { <-sem }()
			b, err := simulate(c, -1)
			if err != nil {
				lines[i] = c.name() + " " + err.Error()
				return
			}
			o, err := own.of(c)
			if err != nil {
				lines[i] = c.name() + " " + err.Error()
				return
			}
			if c.part == partHealthyHeldOut {
				lines[i] = fmt.Sprintf("%-75s n %5d missed %v", c.name(), len(b.run.Requests), o.missed(b.run))
				return
			}
			m, err := simulate(c, 0)
			if err != nil {
				lines[i] = c.name() + " " + err.Error()
				return
			}
			k := costOf(b.run, m.run)
			bf, bl := sums(b.run)
			mf, ml := sums(m.run)
			x, y := bf, mf
			p := c.injections[0].Fault.Label.Phase
			if p == analyzer.Decode || p == analyzer.Stream || b.run.Requests[0].Whole {
				x, y = bl, ml
			}
			most, at := math.Inf(-1), 0
			for q := range x {
				if x[q]-y[q] > most {
					most, at = x[q]-y[q], q
				}
			}
			bad := ""
			if analyzer.Phase(at) != p {
				bad = "WRONGPHASE"
			}
			if max(k.e2e, k.ttft) < s.LeastCost {
				bad += " SMALL"
			}
			if !o.missed(b.run) {
				bad += " targets-met"
			}
			lines[i] = fmt.Sprintf("%-75s n %5d e2e %3.0f%% ttft %3.0f%% %s +%.0f ms, most %s +%.0f ms %s", c.name(), len(b.run.Requests), 100*k.e2e, 100*k.ttft, p, (x[p]-y[p])/1e6, analyzer.Phase(at), most/1e6, bad)
		}()
	}
	wg.Wait()
	for _, l := range lines {
		if l != "" {
			fmt.Println(l)
		}
	}
}
