package report

import (
	"bytes"
	"fmt"
	"time"
)

// linkMargin is how much time around a request a link shows.
const linkMargin = time.Minute

// link fills in the template of [Options.TraceLink] for each exemplar.
func link(list []Exemplar, template string) {
	if template == "" {
		return
	}
	for i := range list {
		e := &list[i]
		e.Link = traceLink(template, e.TraceID, e.SpanID, e.Start, e.E2E)
	}
}

// textLink prints the link of the last exemplar, the slowest, if there is room for a line. A link that was cut would be
// of no use, so a long one is left to the JSON form.
func textLink(b *bytes.Buffer, r *Report, room int) {
	if len(r.Exemplars) == 0 || room < 1 {
		return
	}
	e := &r.Exemplars[len(r.Exemplars)-1]
	if e.Link == "" {
		return
	}
	if line := "           " + printable(e.Link, len(e.Link)); len(line) <= maxTextWidth {
		fmt.Fprintln(b, line)
	}
}
