package report

import (
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
