package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// windowOptions are the flags --since and --until, as typed.
type windowOptions struct{ since, until string }

func (o *windowOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.since, "since", "", "start of the window: an age (`90s`, 1h, 7d, 1d12h), a date, or RFC 3339; all data without it")
	flags.StringVar(&o.until, "until", "", "end of the window, not included, written like --since; now without it")
}

// A window is the stretch of time [Since, Until) that a command looks at. A zero time leaves that side open.
type window struct{ Since, Until time.Time }

// parse reads the flags. Ages count back from now; dates and times without an offset are in now's location.
func (o windowOptions) parse(now time.Time) (window, error) {
	since, err := parseTime(o.since, now)
	if err != nil {
		return window{}, usageError("--since %s: %w", o.since, err)
	}
	until, err := parseTime(o.until, now)
	if err != nil {
		return window{}, usageError("--until %s: %w", o.until, err)
	}
	if !since.IsZero() && until.IsZero() && !since.Before(now) {
		return window{}, usageError("--since %s lies in the future: it is %s now", o.since, stamp(now))
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return window{}, usageError("the window is empty: --since is %s, --until is %s", stamp(since), stamp(until))
	}
	return window{since, until}, nil
}

// nanos returns the window as nanoseconds since the Unix epoch, 0 for an open side.
func (w window) nanos() (since, until int64) {
	return nanosOrZero(w.Since), nanosOrZero(w.Until)
}

func nanosOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// String spells the window out exactly, so that it can be asked for again.
func (w window) String() string {
	switch {
	case w.Since.IsZero() && w.Until.IsZero():
		return "all data"
	case w.Since.IsZero():
		return "all data before " + stamp(w.Until)
	case w.Until.IsZero():
		return "since " + stamp(w.Since)
	}
	return fmt.Sprintf("%s to %s", stamp(w.Since), stamp(w.Until))
}

// stamp formats a time exactly, as --since and --until read it.
func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

// timeLayouts are the ways to write a point in time; the ones without an offset are local.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if s == "now" {
		return now, nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	age, err := parseAge(s)
	if err != nil {
		return time.Time{}, err
	}
	return now.Add(-age), nil
}

// maxAgeHours is 200 years: a time.Duration holds little more.
const maxAgeHours = 200 * 365 * 24

var errTooFar = errors.New("reaches too far back")

var dayUnits = regexp.MustCompile(`(?s)^(?:(\d+)w)?(?:(\d+)d)?(.*)$`)

// parseAge reads a duration that may start with weeks and days: 2w, 7d, 1d12h, 90m.
func parseAge(s string) (time.Duration, error) {
	m := dayUnits.FindStringSubmatch(s)
	var hours int64
	for i, perUnit := range []int64{7 * 24, 24} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i+1], 10, 64)
		if err != nil || n > maxAgeHours {
			return 0, errTooFar
		}
		hours += n * perUnit
	}
	if hours > maxAgeHours {
		return 0, errTooFar
	}
	age := time.Duration(hours) * time.Hour
	if m[3] != "" {
		rest, err := time.ParseDuration(m[3])
		if err != nil || strings.HasPrefix(m[3], "-") || strings.HasPrefix(m[3], "+") {
			return 0, fmt.Errorf("is neither an age like 1h or 7d, nor a date like 2006-01-02, nor a time like 2006-01-02T15:04:05Z")
		}
		age += rest
	}
	if age < 0 { // it ran over
		return 0, errTooFar
	}
	return age, nil
}
