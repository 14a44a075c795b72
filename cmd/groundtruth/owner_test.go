package main

import (
	"testing"

	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
	"github.com/slowtoken/slowtoken/report"
)

// Owners state the default targets, and half as much again as their system did where that is more.
func TestOwnersLeaveTheirSystemsHeadroom(t *testing.T) {
	const ms = 1e6
	run := &sim.Run{}
	for range 10 {
		r := sim.Request{}
		r.Due, r.Output = 0, 101
		r.First.Read, r.Last.Read, r.ClientEnd = 400*ms, 9400*ms, 9400*ms
		run.Requests = append(run.Requests, r)
	}
	want := map[string]float64{"ttft-p50": 600 * ms, "ttft-p95": 1000 * ms, "ttft-p99": 2000 * ms, "tpot-mean": 135 * ms, "e2e-p95": 14_100 * ms}
	got := map[string]report.Target{}
	for _, x := range statedTargets(run) {
		got[x.Name] = x
	}
	for name, limit := range want {
		if got[name].Limit != limit {
			t.Errorf("%s: got %g ms, want %g", name, got[name].Limit/ms, limit/ms)
		}
	}
	if x := got["tpot-mean"]; x.Acceptable < x.Limit {
		t.Errorf("what is acceptable of TPOT, %g ms, is less than the target", x.Acceptable/ms)
	}
	if x := got["errors"]; x.Limit != 0.01 {
		t.Errorf("errors: got %g, want the default", x.Limit)
	}
	if (&owner{targets: statedTargets(run)}).missed(run) {
		t.Error("a system misses the targets that it was calibrated by")
	}
	if !(&owner{targets: report.Defaults()}).missed(run) {
		t.Error("90 ms a token do not miss a target of 50 ms")
	}
}

// Faults without a load of their own share one calibration; others, and healthy systems, have each their own.
func TestCalibrationsAreShared(t *testing.T) {
	calibrated := func(p part, text string) string {
		injections, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		s := scenario{part: p, injections: injections, workload: "chat", shape: shape{"m", "d"}, seed: 1, seconds: 300}
		c := s.calibration(901)
		if c.seed != 901 || c.seconds != s.seconds || c.workload != s.workload || c.shape != s.shape {
			t.Errorf("%s is calibrated by %+v", text, c)
		}
		return c.name()
	}
	plain := calibrated(partDevelop, "slow-network@300")
	for _, text := range []string{"slow-network@600", "overload@1.2", "pause@1500+slow-client@500"} {
		if got := calibrated(partDevelop, text); got != plain {
			t.Errorf("%s has a calibration of its own: %s", text, got)
		}
	}
	if got := calibrated(partDamage, "drop-spans@0.2"); got != plain {
		t.Errorf("damage has a calibration of its own: %s", got)
	}
	seen := map[string]bool{plain: true}
	for _, text := range []string{"eager@25", "eager@40", "sync-generate@0.6", "slow-network@300+small-chunk@48"} {
		if got := calibrated(partDevelop, text); seen[got] {
			t.Errorf("%s has the calibration of another: %s", text, got)
		} else {
			seen[got] = true
		}
	}
	if got := calibrated(partHealthyHeldOut, "healthy-diurnal"); got != calibrated(partHealthy, "healthy-diurnal") || seen[got] {
		t.Errorf("a healthy system is calibrated by %s", got)
	}
}
