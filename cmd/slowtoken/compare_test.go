package main

import (
	"testing"
	"time"
)

func TestWindowsOfComparisons(t *testing.T) {
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2h..1h":                 "2026-01-15T10:00:00Z to 2026-01-15T11:00:00Z",
		"1h..now":                "2026-01-15T11:00:00Z to 2026-01-15T12:00:00Z",
		"1d..":                   "since 2026-01-14T12:00:00Z",
		"..2026-01-02":           "all data before 2026-01-02T00:00:00Z",
		"2026-01-02..2026-01-03": "2026-01-02T00:00:00Z to 2026-01-03T00:00:00Z",
		"2026-01-02T10:00:00.5Z .. 2026-01-02T10:00:01Z": "2026-01-02T10:00:00.5Z to 2026-01-02T10:00:01Z",
	} {
		o, err := parseWindow(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if w, err := o.parse(now); err != nil || w.String() != want {
			t.Errorf("%s is %s (%v), want %s", text, w, err, want)
		}
	}
	for _, text := range []string{"", "1h", "..", "a.b"} {
		if o, err := parseWindow(text); err == nil {
			t.Errorf("%q is taken for %+v", text, o)
		}
	}
}

func FuzzWindow(f *testing.F) {
	for _, text := range []string{"2h..1h", "..", "1d..now", "2026-01-02..2026-01-03", "1h...1h", "9999999999d..1h"} {
		f.Add(text)
	}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseWindow(text)
		if err != nil {
			return
		}
		w, err := o.parse(now)
		if err == nil && !w.Since.IsZero() && !w.Until.IsZero() && !w.Since.Before(w.Until) {
			t.Errorf("%q is the empty window %s", text, w)
		}
	})
}
