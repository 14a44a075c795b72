package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestRetriedBatchesChangeNoAnswer sends every batch three times, as a sender does whose answers get lost. The answer is
// the same bytes, but for the lines that say how many copies were left out.
func TestRetriedBatchesChangeNoAnswer(t *testing.T) {
	b := newBench(t)
	recording := recordingEndingAt(t, time.Now().Add(-time.Minute))
	b.send(recording)
	question := []string{"analyze", "--settle", "0s", "-o", "json"}
	once := b.run(question...)
	b.send(recording)
	b.send(recording[:len(recording)/2])
	again := b.run(question...)
	if !bytes.Contains(again, []byte(analyzer.WarnDuplicateExact)) {
		t.Error("the copies are not counted")
	}
	if got := withoutCopies(t, again); !bytes.Equal(got, withoutCopies(t, once)) {
		t.Errorf("with copies, another answer:\n%s", cmp.Diff(string(withoutCopies(t, once)), string(got)))
	}
}

// withoutCopies takes the remark about copies out of a JSON answer.
func withoutCopies(t *testing.T, answer []byte) []byte {
	t.Helper()
	var report map[string]any
	if err := json.Unmarshal(answer, &report); err != nil {
		t.Fatal(err)
	}
	quality := report["quality"].(map[string]any)
	quality["doubts"] = slices.DeleteFunc(quality["doubts"].([]any), func(d any) bool {
		return d.(map[string]any)["name"] == analyzer.WarnDuplicateExact
	})
	out, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return out
}
