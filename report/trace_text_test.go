package report

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// ledgerLine is a line of a ledger: a sign, exact nanoseconds, and for the last one an equals sign in place of a phase.
var ledgerLine = regexp.MustCompile(`^    (\S) +([0-9,]+) ns  `)

func TestLedgerLinesAddUp(t *testing.T) {
	ledgers := 0
	for _, v := range someTraces(t) {
		var sums []int64
		var sum int64
		for line := range strings.SplitSeq(string(printed(t, tracePrinters[0].write, v)), "\n") {
			m := ledgerLine.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			ns, err := strconv.ParseInt(strings.ReplaceAll(m[2], ",", ""), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if m[1] != "=" {
				sum += ns
				continue
			}
			if ns != sum {
				t.Errorf("trace %s: lines add up to %d ns, the total is %s", v.TraceID, sum, line)
			}
			sums, sum = append(sums, ns), 0
		}
		var want []int64
		for _, u := range v.Turns {
			want = append(want, u.Extent.End-u.Extent.Start)
		}
		for _, r := range v.Requests {
			if r.FirstToken != nil {
				want = append(want, *r.FirstToken-r.Extent.Start)
			}
			want = append(want, r.Extent.End-r.Extent.Start)
		}
		if !slices.Equal(sums, want) {
			t.Errorf("trace %s: ledgers of %v ns, want %v", v.TraceID, sums, want)
		}
		ledgers += len(sums)
	}
	if ledgers < 60 {
		t.Errorf("only %d ledgers were printed", ledgers)
	}
}

// TestTraceTextFitsTheTerminal: no line is wider than the terminal, and nothing but our own colours steers it.
func TestTraceTextFitsTheTerminal(t *testing.T) {
	ours := regexp.MustCompile("\x1b\\[(0|38;5;16;48;5;[0-9]+)m")
	hostile := brokenTrace()
	for i, name := range []string{
		"\x1b]0;owned\x07\x1b[2J\r\n", "\u009b31m", "\u202edrowssap", "\xff\xfe", "名前が長い" + strings.Repeat("界", 200),
		strings.Repeat("x", 5000), "", "a\u0301\u0301\u0301 \t\v",
	} {
		hostile[i].name, hostile[i].service = name, name
	}
	views := append(someTraces(t), viewOf(hostile))
	v := viewOf(agentTurn())
	v.Requests[0].ErrorType = "\x1b[2J" + strings.Repeat("boom ", 100)
	v.Requests[0].Model, v.Requests[0].Instance = "\x1b[31mmodel", "pod\n1"
	for _, v := range append(views, v) {
		for _, o := range []TraceText{{}, {Width: 60}, {Width: 30}, {Width: 250, Colour: true}, {MaxSpans: 7, Colour: true}} {
			var b bytes.Buffer
			if err := WriteTraceText(&b, v, o); err != nil {
				t.Fatal(err)
			}
			plain := ours.ReplaceAllString(b.String(), "")
			if !o.Colour && plain != b.String() {
				t.Fatalf("colours, though none were asked for")
			}
			for line := range strings.SplitSeq(plain, "\n") {
				wide := 0
				for _, r := range line {
					if !unicode.IsPrint(r) {
						t.Fatalf("%q in line %q", r, line)
					}
					wide += columns(r)
				}
				if most := max(cmp.Or(o.Width, 100), 60); wide > most {
					t.Fatalf("a line of %d columns, want at most %d: %s", wide, most, line)
				}
			}
		}
	}
}
