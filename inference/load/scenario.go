package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Size is one kind of prompt and how often it comes.
type Size struct {
	Name   string  `json:"name"`
	Share  float64 `json:"share"`
	Prompt int     `json:"prompt"` // tokens
	Output int     `json:"output"` // tokens that an answer may have at most
}

// ShortMediumLong is what scenarios ask: mostly short prompts, some long ones.
var ShortMediumLong = []Size{
	{"short", 0.50, 32, 64},
	{"medium", 0.35, 256, 128},
	{"long", 0.15, 1024, 256},
}

// A Scenario is a closed loop with a name.
type Scenario struct {
	Name, Doc string
	Users     int
	Think     time.Duration
	Warmup    time.Duration
	Duration  time.Duration
}

// Scenarios lists the scenarios. Users of burst all come at once and never pause.
var Scenarios = []Scenario{
	{"smoke", "does it work at all", 5, time.Second, 5 * time.Second, 30 * time.Second},
	{"baseline", "an ordinary day", 10, time.Second, 30 * time.Second, 2 * time.Minute},
	{"medium", "a busy day", 25, time.Second, 30 * time.Second, 2 * time.Minute},
	{"high", "the busiest hour", 50, time.Second, 30 * time.Second, 2 * time.Minute},
	{"stress", "more than it was built for", 100, time.Second, 30 * time.Second, 2 * time.Minute},
	{"burst", "all at once", 30, 0, 0, 30 * time.Second},
}

// ParseSizes reads kinds of prompts, such as "short=50:32/64,long=50:1024/256": name, share, prompt tokens and output
// tokens of each. Shares are taken relative to their sum.
func ParseSizes(text string) (list []Size, err error) {
	var total float64
	for part := range strings.SplitSeq(text, ",") {
		s, err := parseSize(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		total += s.Share
		list = append(list, s)
	}
	for i := range list {
		list[i].Share /= total
	}
	return list, nil
}

func parseSize(text string) (s Size, err error) {
	wrong := func() (Size, error) {
		return Size{}, fmt.Errorf("%q: want NAME=SHARE:PROMPT/OUTPUT such as short=50:32/64, with a share above 0 and 1 to %d tokens", text, maxTokens)
	}
	name, rest, ok := strings.Cut(text, "=")
	share, sizes, ok2 := strings.Cut(rest, ":")
	prompt, output, ok3 := strings.Cut(sizes, "/")
	if !ok || !ok2 || !ok3 || name == "" {
		return wrong()
	}
	s.Name = name
	if s.Share, err = strconv.ParseFloat(share, 64); err != nil || !(s.Share > 0 && s.Share <= 1e6) {
		return wrong()
	}
	for _, field := range []struct {
		text string
		to   *int
	}{{prompt, &s.Prompt}, {output, &s.Output}} {
		if *field.to, err = strconv.Atoi(field.text); err != nil || *field.to < 1 || *field.to > maxTokens {
			return wrong()
		}
	}
	return s, nil
}

// maxTokens bounds what one prompt or answer may have.
const maxTokens = 1 << 22

// pick returns the kind of prompt at a place from 0 to 1 among all.
func pick(sizes []Size, place float64) Size {
	for _, s := range sizes {
		if place -= s.Share; place < 0 {
			return s
		}
	}
	return sizes[len(sizes)-1]
}

// evenly returns the place of the i-th of many that are spread over 0 to 1, so that the first few already are: multiples of
// the golden ratio.
func evenly(i int) float64 {
	_, place := math.Modf(float64(i) * math.Phi)
	return place
}
