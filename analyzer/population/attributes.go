package population

import (
	"encoding/binary"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Dimension is what requests can be told apart by, beside model, service and instance. Its value is that of the first
// of Keys that the request's span states, else its server span, else their resources.
type Dimension struct {
	Name string
	Keys []string
}

// NumDimensions is how many there are.
const NumDimensions = 16

// Dimensions lists them. All of Keys are in [analyzer.HotAttributes], in [analyzer.AnalysisKeys], or of resources.
var Dimensions = [NumDimensions]Dimension{
	{"operation", []string{"gen_ai.operation.name"}},
	{"route", []string{"http.route"}},
	{"tenant", []string{"tenant.id", "tenant", "organization.id", "team", "gen_ai.project.name"}},
	{"user", []string{"user.id", "enduser.id", "gen_ai.user"}},
	{"priority", []string{"gen_ai.request.priority", "priority"}},
	{"adapter", []string{"gen_ai.request.adapter", "lora_name", "adapter"}},
	{"output_type", []string{"gen_ai.output.type", "gen_ai.request.response_format", "response_format"}},
	{"finish", []string{"gen_ai.response.finish_reasons", "llm.finish_reason"}},
	{"agent", []string{"gen_ai.agent.name"}},
	{"host", []string{"host.name", "k8s.node.name"}},
	{"zone", []string{"cloud.availability_zone"}},
	{"version", []string{"service.version"}},
	{"admitted", []string{"slowtoken.gateway.slots"}},
	{"server_slots", []string{"slowtoken.server.slots"}},
	{"server_device", []string{"slowtoken.server.device"}},
	{"environment", []string{"deployment.environment.name", "deployment.environment"}},
}

// A dimension with over maxValues values is an id, which nobody compares requests by; a value over maxValueBytes is
// content.
const (
	maxValues     = 1000
	maxValueBytes = 100
)

// keyRanks say of each key which dimension it is a key of, and how early.
var keyRanks = func() map[string][2]uint8 {
	m := map[string][2]uint8{}
	for d := range Dimensions {
		for rank, key := range Dimensions[d].Keys {
			m[key] = [2]uint8{uint8(d), uint8(rank)}
		}
	}
	return m
}()

type attribute struct {
	dimension uint8
	value     uint32 // see [Population.Text]
}

// attributeSets numbers the combinations of values that requests have: there are few, whatever the number of requests.
// 0 is the empty one.
type attributeSets struct {
	sets    [][]attribute
	codes   map[string]uint32 // by packed set
	values  [NumDimensions]map[uint32]bool
	tooMany [NumDimensions]bool
	packed  []byte // scratch
}

func newAttributeSets() attributeSets {
	s := attributeSets{sets: [][]attribute{nil}, codes: map[string]uint32{"": 0}}
	for d := range s.values {
		s.values[d] = map[uint32]bool{}
	}
	return s
}

func (s *attributeSets) code(set []attribute) uint32 {
	s.packed = s.packed[:0]
	for _, a := range set {
		s.packed = binary.LittleEndian.AppendUint32(append(s.packed, a.dimension), a.value)
	}
	code, ok := s.codes[string(s.packed)]
	if !ok {
		code = uint32(len(s.sets))
		s.codes[string(s.packed)] = code
		s.sets = append(s.sets, slices.Clone(set))
	}
	return code
}

// admit reports whether a value of a dimension is kept.
func (s *attributeSets) admit(dimension uint8, value uint32) bool {
	if s.tooMany[dimension] {
		return false
	}
	values := s.values[dimension]
	values[value] = true
	if len(values) > maxValues {
		s.tooMany[dimension] = true
		s.values[dimension] = nil
		return false
	}
	return true
}

// attributesOf returns the code of the values that a request has in all dimensions.
func (b *Builder) attributesOf(t *analyzer.Trace, r *analyzer.Request) uint32 {
	var views [2]*analyzer.Span
	views[0] = b.survey.span(t, r.SpanID)
	if r.ServerSpan != r.SpanID {
		views[1] = b.survey.span(t, r.ServerSpan)
	}
	const none = 0xff
	var found [NumDimensions]analyzer.Value
	var ranks [NumDimensions]uint8
	for d := range ranks {
		ranks[d] = none
	}
	look := func(list analyzer.Attributes) {
		var level [NumDimensions]uint8
		for d := range level {
			level[d] = none
		}
		for i := range list {
			at, ok := keyRanks[list[i].Key]
			if !ok || ranks[at[0]] != none || level[at[0]] <= at[1] {
				continue
			}
			found[at[0]], level[at[0]] = list[i].Value, at[1]
		}
		for d := range level {
			if level[d] != none {
				ranks[d] = level[d]
			}
		}
	}
	for _, s := range views {
		if s != nil {
			look(s.Attributes)
		}
	}
	for _, s := range views {
		if s != nil && s.Resource != nil {
			look(s.Resource.Attributes)
		}
	}
	var set []attribute
	for d := range found {
		if ranks[d] == none {
			continue
		}
		if list := found[d].List(); len(list) == 1 {
			found[d] = list[0]
		}
		text := found[d].String()
		if text == "" || len(text) > maxValueBytes || b.attributes.tooMany[d] {
			continue
		}
		if value := b.code(text); b.attributes.admit(uint8(d), value) {
			set = append(set, attribute{uint8(d), value})
		}
	}
	return b.attributes.code(set)
}

// mergeAttributes takes in the sets of another builder, whose texts have got new codes.
func (b *Builder) mergeAttributes(other *attributeSets, recode []uint32) (sets []uint32) {
	for d := range other.tooMany {
		b.attributes.tooMany[d] = b.attributes.tooMany[d] || other.tooMany[d]
	}
	sets = make([]uint32, len(other.sets))
	var set []attribute
	for i := range other.sets {
		set = set[:0]
		for _, a := range other.sets[i] {
			if value := recode[a.value]; b.attributes.admit(a.dimension, value) {
				set = append(set, attribute{a.dimension, value})
			}
		}
		sets[i] = b.attributes.code(set)
	}
	return sets
}

// Attribute returns the value that r has in [Dimensions][dimension]; ok is false if it states none, or if there are too
// many to compare.
func (p *Population) Attribute(r *Record, dimension int) (value string, ok bool) {
	code, ok := p.attribute(r, dimension)
	if !ok {
		return "", false
	}
	return p.Text(code), true
}

func (p *Population) attribute(r *Record, dimension int) (value uint32, ok bool) {
	if p.tooMany[dimension] || int(r.attributes) >= len(p.attributeSets) {
		return 0, false
	}
	for _, a := range p.attributeSets[r.attributes] {
		if int(a.dimension) == dimension {
			return a.value, true
		}
	}
	return 0, false
}
