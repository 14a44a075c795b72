package emit

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Damage is what happens to telemetry on its way. All of it leaves a mark that a reader can see.
type Damage struct {
	Drop   float64 // share of spans that are lost, one by one; their children become orphans
	Skew   int64   // nanoseconds that the model servers' clocks are ahead
	Events int     // events that a span keeps; the oldest go, as in OpenTelemetry's Python SDK, and are counted
	Text   int     // bytes that a text attribute keeps; 0 keeps all
	Attrs  int     // attributes that a span keeps; the later ones go and are counted; 0 keeps all
	Sample float64 // share of traces that are kept, stated in tracestate; 0 keeps all
}

func (d Damage) apply(w *writer, spans []analyzer.Span) []analyzer.Span {
	if d == (Damage{}) {
		return spans
	}
	kept := spans[:0]
	sampled := w.random.Float64()
	if d.Sample > 0 && sampled >= d.Sample {
		return nil
	}
	for _, s := range spans {
		if w.random.Float64() < d.Drop {
			continue
		}
		if d.Skew != 0 && isOneOf(s.Resource, w.servers) {
			s.Start, s.End = s.Start+d.Skew, s.End+d.Skew
			for i := range s.Events {
				s.Events[i].Time += d.Skew
			}
		}
		if n := len(s.Events) - d.Events; d.Events > 0 && n > 0 {
			s.Events, s.DroppedEvents = s.Events[n:], uint32(n)
		}
		if n := len(s.Attributes) - d.Attrs; d.Attrs > 0 && n > 0 {
			s.Attributes, s.DroppedAttributes = s.Attributes[:d.Attrs:d.Attrs], uint32(n)
		}
		if d.Text > 0 {
			for i, a := range s.Attributes {
				if t, ok := a.Value.AsString(); ok && len(t) > d.Text {
					s.Attributes[i].Value = analyzer.String(t[:d.Text])
				}
			}
		}
		if d.Sample > 0 {
			s.TraceState = "ot=th:" + threshold(d.Sample)
		}
		kept = append(kept, s)
	}
	return kept
}

func isOneOf(r *analyzer.Resource, list []*analyzer.Resource) bool {
	for _, other := range list {
		if r == other {
			return true
		}
	}
	return false
}

// threshold is OpenTelemetry's rejection threshold for a share: 56 bits in hex, without the zeros at the end. Source:
// https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/.
func threshold(share float64) string {
	t := strings.TrimRight(fmt.Sprintf("%014x", uint64((1-share)*(1<<56))), "0")
	if t == "" {
		return "0"
	}
	return t
}
