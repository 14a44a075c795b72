package population

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Topology is which services the traces show, and who calls whom.
type Topology struct {
	Services []Service  // by spans, most first
	Calls    []CallEdge // by spans, most first
}

// A Service is a service.name with what its resources say of it.
type Service struct {
	Name  string
	Spans int
	// Facts are the values of [ServiceKeys] that its resources state, in ascending order, at most maxFacts of a key.
	Facts map[string][]string
}

// A CallEdge counts spans of one service whose parent is another's.
type CallEdge struct {
	From, To string
	Spans    int
}

// ServiceKeys are the resource attributes that say what a service is and what it runs on.
var ServiceKeys = []string{
	"service.version", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version",
	"process.runtime.name", "process.runtime.version", "host.name", "host.type", "host.arch", "os.description",
	"k8s.namespace.name", "k8s.deployment.name", "cloud.provider", "cloud.region", "gpu.model", "hw.model",
}

const (
	maxFacts = 5    // values of one key that are kept of a service
	maxSeen  = 1024 // resources whose service is remembered: readers may make one for each batch of spans
)

// topology collects a Topology.
type topology struct {
	services map[string]*Service
	calls    map[[2]string]int
	seen     map[*analyzer.Resource]*Service
}

func newTopology() topology {
	return topology{services: map[string]*Service{}, calls: map[[2]string]int{}, seen: map[*analyzer.Resource]*Service{}}
}

func (c *topology) add(t *analyzer.Trace) {
	for i := range t.Spans {
		to := c.service(t.Spans[i].Resource)
		to.Spans++
		if parent := t.Parent(int32(i)); parent >= 0 {
			if res := t.Spans[parent].Resource; res != t.Spans[i].Resource {
				if from := c.service(res); from != to {
					c.calls[[2]string{from.Name, to.Name}]++
				}
			}
		}
	}
}

// service returns the service of a resource, nil for none stated.
func (c *topology) service(res *analyzer.Resource) *Service {
	if s := c.seen[res]; s != nil {
		return s
	}
	if len(c.seen) == maxSeen {
		clear(c.seen)
	}
	var attributes analyzer.Attributes
	if res != nil {
		attributes = res.Attributes
	}
	s := c.named(attributes.Text("service.name"))
	for _, key := range ServiceKeys {
		if v := attributes.Text(key); v != "" {
			s.state(key, v)
		}
	}
	c.seen[res] = s
	return s
}

func (c *topology) named(name string) *Service {
	s := c.services[name]
	if s == nil {
		s = &Service{Name: name, Facts: map[string][]string{}}
		c.services[name] = s
	}
	return s
}

// state notes a value. Of many, the first ones in ascending order are kept, so that the order of traces changes nothing.
func (s *Service) state(key, value string) {
	list := s.Facts[key]
	i, there := slices.BinarySearch(list, value)
	if there || i == maxFacts {
		return
	}
	list = slices.Insert(list, i, value)
	s.Facts[key] = list[:min(len(list), maxFacts)]
}

func (c *topology) merge(other *topology) {
	for name, theirs := range other.services {
		mine := c.named(name)
		mine.Spans += theirs.Spans
		for key, values := range theirs.Facts {
			for _, v := range values {
				mine.state(key, v)
			}
		}
	}
	for pair, n := range other.calls {
		c.calls[pair] += n
	}
}

func (c *topology) build() Topology {
	var t Topology
	for _, s := range c.services {
		t.Services = append(t.Services, *s)
	}
	for pair, n := range c.calls {
		t.Calls = append(t.Calls, CallEdge{pair[0], pair[1], n})
	}
	slices.SortFunc(t.Services, func(a, b Service) int { return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(t.Calls, func(a, b CallEdge) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return t
}
