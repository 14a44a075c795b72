package population

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Bystander is a request to one of a server's own endpoints that asks no model and does next to nothing, such as a
// monitor's read of /metrics. It takes long only while something else keeps its process.
type Bystander struct {
	Start, End              int64
	Name, Service, Instance uint32 // codes into the population's dictionary: see [Population.Text]; an instance as of records
}

// bystanderRoutes are endpoints that servers answer from memory.
var bystanderRoutes = []string{
	"/metrics", "/health", "/healthz", "/health_generate", "/ready", "/readyz", "/live", "/livez", "/ping", "/info",
	"/version", "/v1/models", "/v2/health/ready", "/v2/health/live",
}

// isBystander reports whether s is a server's span of such an endpoint.
func isBystander(s *analyzer.Span) bool {
	if s.Kind != analyzer.SpanKindServer {
		return false
	}
	route := s.Attributes.Text("http.route")
	if route == "" {
		_, route, _ = strings.Cut(s.Name, " ")
	}
	return slices.Contains(bystanderRoutes, strings.TrimSuffix(route, "/"))
}

// addBystanders keeps those among the roots of a trace that holds no request.
func (b *Builder) addBystanders(t *analyzer.Trace, roots []int32) {
	for _, root := range roots {
		if s := &t.Spans[root]; isBystander(s) {
			b.population.Bystanders = append(b.population.Bystanders, Bystander{
				s.Start, s.End, b.code(s.Name), b.code(s.Service()), b.code(analyzer.InstanceOf(s)),
			})
		}
	}
}

// mergeBystanders adds those of another builder, whose codes are recoded.
func (b *Builder) mergeBystanders(list []Bystander, recode []uint32) {
	for _, s := range list {
		s.Name, s.Service, s.Instance = recode[s.Name], recode[s.Service], recode[s.Instance]
		b.population.Bystanders = append(b.population.Bystanders, s)
	}
}

// sortBystanders puts them in an order that does not depend on that of traces, but for those that are alike.
func sortBystanders(list []Bystander) {
	slices.SortFunc(list, func(x, y Bystander) int { return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.End, y.End)) })
}
