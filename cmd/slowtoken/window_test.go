package main

import (
	"strings"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, zone)
	for _, test := range []struct{ since, until, want string }{
		{"", "", "all data"},
		{"1h", "", "since 2026-03-10T11:00:00+01:00"},
		{"7d", "1d12h", "2026-03-03T12:00:00+01:00 to 2026-03-09T00:00:00+01:00"},
		{"2w", "now", "2026-02-24T12:00:00+01:00 to 2026-03-10T12:00:00+01:00"},
		{"2026-03-01", "2026-03-02 06:30", "2026-03-01T00:00:00+01:00 to 2026-03-02T06:30:00+01:00"},
		{"2026-03-01T00:00:00.000000001Z", "", "since 2026-03-01T00:00:00.000000001Z"},
		{"", "2026-03-01T00:00:00Z", "all data before 2026-03-01T00:00:00Z"},
	} {
		w, err := windowOptions{test.since, test.until}.parse(now)
		if err != nil {
			t.Errorf("--since %q --until %q: %v", test.since, test.until, err)
			continue
		}
		if got := w.String(); got != test.want {
			t.Errorf("--since %q --until %q: got %q, want %q", test.since, test.until, got, test.want)
		}
	}
}

func TestWindowRefuses(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct{ since, until, want string }{
		{"yesterday", "", "neither an age"},
		{"-1h", "", "neither an age"},
		{"1h", "2h", "the window is empty"},
		{"2026-03-11", "", "lies in the future"},
		{"9999999999999d", "", "too far back"},
		{"16000w", "", "too far back"},
		{"\n", "", "neither an age"},
		{"", "10", "--until 10"},
	} {
		_, err := windowOptions{test.since, test.until}.parse(now)
		if err == nil || !strings.Contains(err.Error(), test.want) || exitCode(err) != exitUsage {
			t.Errorf("--since %q --until %q: got %v (exit code %d), want %q and exit code 2", test.since, test.until, err, exitCode(err), test.want)
		}
	}
}

// A window that is printed can be asked for again and is the same.
func FuzzWindowPrintsWhatItReads(f *testing.F) {
	for _, s := range []string{"1h", "7d", "2026-03-01", "2026-03-01T01:02:03.4Z", "1w2d3h", "x"} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parseTime(s, now)
		if err != nil || at.IsZero() || at.Year() < 0 || at.Year() > 9999 {
			return
		}
		again, err := parseTime(stamp(at), now)
		if err != nil || !again.Equal(at) {
			t.Errorf("%q is %s, which reads as %s (%v)", s, stamp(at), stamp(again), err)
		}
	})
}
