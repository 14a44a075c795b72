package report

import "github.com/slowtoken/slowtoken/analyzer/population"

// A Domain is a capacity domain: what its requests compete for, how they wait for it, and who made whom wait.
type Domain struct {
	Name        string `json:"name"`          // the instance; "" for requests whose process nobody names
	AsOneServer bool   `json:"as_one_server"` // those are treated as one server's
	Replicas    int    `json:"replicas,omitempty"`
	PrefillOnly bool   `json:"prefill_only,omitempty"`
	Requests    int    `json:"requests"`

	Queueing population.Queueing   `json:"queueing"`
	Regimes  []population.Queueing `json:"queueing_by_regime"` // in the order of [Report.Regimes]
	Sizes    population.Sizes      `json:"sizes"`
	Blame    *population.Blame     `json:"blame,omitempty"` // absent where nobody knows what is waited for
	Roofline *Roofline             `json:"roofline,omitempty"`
}

// A Roofline says how near a domain comes to what the datasheet of its device promises.
type Roofline struct {
	Model  string       `json:"model"`
	Device string       `json:"device"`
	MFU    *Utilization `json:"mfu,omitempty"` // of FLOP/s in prefill
	MBU    *Utilization `json:"mbu,omitempty"` // of memory bandwidth in decode
}

// A Utilization is a share of what a device can do, over n requests.
type Utilization struct {
	Value float64  `json:"value"`
	Low   *float64 `json:"low,omitempty"` // of the 95 % interval; absent under five blocks
	High  *float64 `json:"high,omitempty"`
	N     int      `json:"n"`
	// Impossible says that it is over 1: speculation, or a model or device other than was stated; never efficiency.
	Impossible bool `json:"impossible,omitempty"`
}

func domains(s *population.Study) []Domain {
	list := []Domain{}
	for _, d := range s.Domains {
		v := Domain{
			Name: d.Domain.Name, AsOneServer: d.Domain.AsOneServer, Replicas: d.Domain.Replicas, PrefillOnly: d.Domain.PrefillOnly,
			Requests: len(d.Domain.Members), Queueing: d.Queueing, Regimes: []population.Queueing{}, Sizes: d.Sizes, Blame: d.Blame,
		}
		for _, g := range d.Regimes {
			v.Regimes = append(v.Regimes, g.Queueing)
		}
		if h := d.Hardware; h != nil && h.Model != "" && h.Device != "" {
			v.Roofline = &Roofline{Model: h.Model, Device: h.Device, MFU: utilization(h.MFU), MBU: utilization(h.MBU)}
		}
		list = append(list, v)
	}
	return list
}

func utilization(u *population.Utilization) *Utilization {
	if u == nil {
		return nil
	}
	v := &Utilization{Value: u.Share.Value, N: u.N, Impossible: u.Impossible}
	if u.Interval {
		v.Low, v.High = &u.Share.Low, &u.Share.High
	}
	return v
}
