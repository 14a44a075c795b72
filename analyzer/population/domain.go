package population

import (
	"cmp"
	"slices"
)

// A Domain is what requests compete for: an engine process, several that share a device, or what counts as one.
type Domain struct {
	Name        string   // the instance, or those that share a device, joined by +; "" for requests without one
	Instances   []uint32 // codes of the processes in it
	AsOneServer bool     // no span names the process: all such requests are treated as one server's
	Replicas    int      // processes behind AsOneServer; 0 while nobody states them

	// PrefillOnly is set where all members are prefilled here and decoded by another engine.
	PrefillOnly bool

	Members []int32 // indices of Population.Records, by start; a request of two engines is a member of both domains
	Before  []int32 // those of Population.Before, counted on from the end of Records, by start
}

// FactReplicas is the key of how many processes serve requests that name none.
const FactReplicas = "replicas"

// SlotsKnown reports whether requests in service at once are those of known processes, so that slots can be counted.
func (d *Domain) SlotsKnown() bool { return !d.AsOneServer || d.Replicas > 0 }

// Label is how messages name the domain.
func (d *Domain) Label() string {
	if d.AsOneServer {
		return "the server"
	}
	return d.Name
}

// Domains returns the capacity domains, by name, those that only prefill after those that decode too. Legs whose other
// leg was not found are members of none: nobody knows which part of the work is theirs.
func (p *Population) Domains(f Facts) []Domain {
	members, before := map[place][]int32{}, map[place][]int32{}
	for i := range int32(len(p.Records) + len(p.Before)) {
		r, list := p.record(i), members
		if int(i) >= len(p.Records) {
			list = before
		}
		k := p.placeOf(r.Instance, false)
		list[k] = append(list[k], i)
		if r.disaggregated(p) {
			k = p.placeOf(r.PrefillInstance, true)
			list[k] = append(list[k], i)
		}
	}
	list := make([]Domain, 0, len(members))
	for k, m := range members {
		d := Domain{PrefillOnly: k.prefillOnly, Members: m, Before: before[k]}
		if d.Instances, d.Name = p.processes(k, m); d.Name == "" {
			d.AsOneServer = true
			n, _ := f.Number(FactReplicas)
			d.Replicas = int(n)
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Domain) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(btoi(a.PrefillOnly), btoi(b.PrefillOnly)))
	})
	return list
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// disaggregated reports whether another engine than the one that decoded prefilled r.
func (r *Record) disaggregated(p *Population) bool {
	return r.PrefillInstance != r.Instance && p.Text(r.PrefillInstance) != ""
}
