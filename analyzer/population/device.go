package population

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// seeDevice notes the device of the process that served r, which b has surveyed the trace of. Of several that one process
// states, the first in order is kept, so that the order of traces changes nothing.
func (b *Builder) seeDevice(t *analyzer.Trace, r *analyzer.Request) {
	if r.Instance == "" {
		return
	}
	s := b.survey.span(t, r.ServerSpan)
	if s == nil {
		return
	}
	if name := analyzer.DeviceOf(s); name != "" {
		b.atDevice(b.code(r.Instance), name)
	}
}

func (b *Builder) atDevice(instance uint32, name string) {
	if had := b.devices[instance]; had == "" || name < had {
		b.devices[instance] = name
	}
}

// A place is what requests compete in: a process, or the device that several share.
type place struct {
	device      string
	instance    uint32 // where no device is stated
	prefillOnly bool
}

func (p *Population) placeOf(instance uint32, prefillOnly bool) place {
	if device := p.devices[instance]; device != "" {
		return place{device: device, prefillOnly: prefillOnly}
	}
	return place{instance: instance, prefillOnly: prefillOnly}
}

// processes returns the instances that members are served by at a place, by name, and what to call them together.
func (p *Population) processes(k place, members []int32) (list []uint32, name string) {
	if k.device == "" {
		return []uint32{k.instance}, p.Text(k.instance)
	}
	for _, m := range members {
		instance := p.Records[m].Instance
		if k.prefillOnly {
			instance = p.Records[m].PrefillInstance
		}
		if !slices.Contains(list, instance) {
			list = append(list, instance)
		}
	}
	slices.SortFunc(list, func(a, b uint32) int { return cmp.Compare(p.Text(a), p.Text(b)) })
	names := make([]string, len(list))
	for i, instance := range list {
		names[i] = p.Text(instance)
	}
	return list, strings.Join(names, "+")
}
