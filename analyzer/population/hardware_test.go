package population

import (
	"math"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/roofline"
)

// efficientEngine is an engine of Llama-3.1-8B on an H100 that prefills at a share mfu of its rate and decodes at a
// share mbu of its bandwidth, one request at a time.
func efficientEngine(t *testing.T, n int, mfu, mbu float64) (*Population, *roofline.Serving) {
	t.Helper()
	s, err := roofline.New(roofline.Setup{Model: "llama-3.1-8b", Device: "H100-SXM"})
	if err != nil {
		t.Fatal(err)
	}
	p := &Population{texts: []string{"meta-llama/Llama-3.1-8B-Instruct", "engine-1", ""}}
	at := 1000 * second
	for i := range n {
		prompt, output := int64(500+50*(i%17)), int64(20+i%9)
		prefill := int64(s.PrefillFLOPs(float64(prompt), 0) / (mfu * s.FLOPS) * 1e9)
		decode := int64(float64(output-1) * s.DecodeBytes(1, float64(prompt)+float64(output)/2) / (mbu * s.Device.Bandwidth) * 1e9)
		first := at + prefill
		p.Records = append(p.Records, Record{
			Start: at, End: first + decode, FirstToken: first, LastToken: first + decode,
			InputTokens: prompt, OutputTokens: output, CachedTokens: -1, Sequences: 1, Instance: 1, PrefillInstance: 2,
			TraceID: analyzer.TraceID{0: 1, 14: byte(i >> 8), 15: byte(i)},
			phases:  []PhaseTime{{Phase: analyzer.Prefill, TTFT: prefill, E2E: prefill}, {Phase: analyzer.Decode, E2E: decode}},
			shown:   2,
		})
		at = first + decode + second/10
	}
	return p, s
}

// studied returns the domain and one regime of it with its blocks, as Examine finds them.
func studied(p *Population, f Facts) (*Domain, []*RegimeStudy) {
	replicas, _ := f.Number("replicas")
	d := Domain{Name: p.Text(p.Records[0].Instance), Replicas: int(replicas)}
	d.AsOneServer = d.Name == ""
	for i := range p.Records {
		d.Members = append(d.Members, int32(i))
	}
	busy := p.busy(d.Members, nil)
	regime := &RegimeStudy{Since: p.Records[0].Start, Until: p.Records[len(p.Records)-1].End, Members: d.Members, Latency: d.Members}
	regime.Blocks = p.blocks(regime, busy)
	return &d, []*RegimeStudy{regime}
}

func TestHardwareMeasuresWhatTheEngineAttains(t *testing.T) {
	p, s := efficientEngine(t, 200, 0.4, 0.6)
	f := Facts{"device": "NVIDIA H100 80GB HBM3"}
	d, regimes := studied(p, f)
	h := p.Hardware(d, regimes, nil, nil, f, 1)
	if len(h.Abstained) > 0 || h.MFU == nil || h.MBU == nil {
		t.Fatalf("abstains: %+v", h.Abstained)
	}
	for name, c := range map[string]struct {
		got  *Utilization
		want float64
	}{"MFU": {h.MFU, 0.4}, "MBU": {h.MBU, 0.6}} {
		e := c.got.Share
		if math.Abs(e.Value-c.want) > 1e-3 || !c.got.Interval || e.Low > e.Value+1e-9 || e.High < e.Value-1e-9 || c.got.N != 200 || c.got.Impossible {
			t.Errorf("%s is %+v, want %g of 200 requests", name, c.got, c.want)
		}
	}
	r := &p.Records[3]
	from, to, _ := r.prefillInterval()
	if floor, ok := h.PrefillFloor(r); !ok || math.Abs(floor/float64(to-from)-0.4/roofline.AttainableFLOPS) > 1e-3 {
		t.Errorf("prefill floor %g of %d ns", floor, to-from)
	}
	from, to, _ = r.decodeInterval()
	if floor, ok := h.DecodeFloor(r); !ok || math.Abs(floor/float64(to-from)-0.6/roofline.AttainableBandwidth) > 1e-3 {
		t.Errorf("decode floor %g of %d ns", floor, to-from)
	}
	if load, ok := h.LoadFloor(); !ok || math.Abs(load-s.WeightTotal()/64e9*1e9) > 1 {
		t.Errorf("load floor %g", load)
	}
	f["disk_bandwidth"] = "1e9"
	if load, _ := p.Hardware(d, regimes, nil, nil, f, 1).LoadFloor(); math.Abs(load-s.WeightTotal()) > 1 {
		t.Errorf("load floor from a disk of 1 GB/s: %g", load)
	}
}

// Twice the weights cannot be read in the time that was measured: the model is not that one.
func TestHardwareNeverCallsTheImpossibleEfficient(t *testing.T) {
	p, _ := efficientEngine(t, 100, 0.4, 0.6)
	f := Facts{"device": "H100-SXM", "dtype": "float32"}
	d, regimes := studied(p, f)
	h := p.Hardware(d, regimes, nil, nil, f, 1)
	if h.MBU == nil || !h.MBU.Impossible || h.MBU.Share.Value < 1.1 {
		t.Errorf("MBU is %+v", h.MBU)
	}
	if h.MFU != nil {
		t.Errorf("there is an MFU without a rate: %+v", h.MFU)
	}
}

func TestHardwareAbstains(t *testing.T) {
	whole, _ := efficientEngine(t, 100, 0.4, 0.6)
	few, _ := efficientEngine(t, 10, 0.4, 0.6)
	mixed, _ := efficientEngine(t, 100, 0.4, 0.6)
	mixed.Records[7].Model = 2
	nameless, _ := efficientEngine(t, 100, 0.4, 0.6)
	for i := range nameless.Records {
		nameless.Records[i].Instance, nameless.Records[i].PrefillInstance = 2, 2
	}
	client, _ := efficientEngine(t, 100, 0.4, 0.6)
	for i := range client.Records {
		client.Records[i].phases[0].Covers = analyzer.SetOf(analyzer.Queue, analyzer.Prefill)
	}
	for name, c := range map[string]struct {
		p    *Population
		f    Facts
		says string
	}{
		"no device":         {whole, Facts{}, "the device is not known"},
		"ambiguous device":  {whole, Facts{"device": "H100"}, "can be one of H100-SXM, H100-PCIe, H100-NVL"},
		"unknown model":     {whole, Facts{"device": "H200", "model": "gpt-4o"}, `model "gpt-4o" is in no table`},
		"several models":    {mixed, Facts{"device": "H200"}, "serves several models"},
		"few requests":      {few, Facts{"device": "H200"}, "10 requests"},
		"unknown replicas":  {nameless, Facts{"device": "H200"}, "how many engines"},
		"unknown prefill":   {client, Facts{"device": "H200"}, "prefill of most requests is not observable"},
		"unknown rate":      {whole, Facts{"device": "M4-Max"}, "not published"},
		"unknown steps":     {whole, Facts{"device": "H200", "num_speculative_tokens": "3"}, "0 requests decode"},
		"unknown data type": {whole, Facts{"device": "H200", "quantization": "secret"}, `quantization "secret" is not known`},
	} {
		d, regimes := studied(c.p, c.f)
		h := c.p.Hardware(d, regimes, nil, nil, c.f, 1)
		found := false
		for _, a := range h.Abstained {
			found = found || strings.Contains(a.Why, c.says) && a.Remedy != ""
		}
		if !found {
			t.Errorf("%s: %+v", name, h.Abstained)
		}
	}
}

// A prefix that nobody reports as cached is not computed, so it counts for no operations.
func TestHardwareKnowsTheCachedPrefix(t *testing.T) {
	p, _ := efficientEngine(t, 60, 0.4, 0.6)
	f := Facts{"device": "H100-SXM"}
	d, regimes := studied(p, f)
	all := p.Hardware(d, regimes, nil, nil, f, 1)
	cached := p.Hardware(d, regimes, &Sizes{CachedTokens: &Estimate{Value: 250}}, nil, f, 1)
	if cached.MFU.Share.Value > 0.8*all.MFU.Share.Value {
		t.Errorf("MFU %g with 250 cached tokens, %g without", cached.MFU.Share.Value, all.MFU.Share.Value)
	}
}

func TestOccupancyCountsTime(t *testing.T) {
	p := &Population{Records: make([]Record, 3)}
	spans := [][2]int64{{0, 10}, {5, 15}, {20, 30}}
	o := p.occupied([]int32{0, 1, 2}, func(r *Record) (int64, int64, bool) {
		for i := range p.Records {
			if r == &p.Records[i] {
				return spans[i][0], spans[i][1], true
			}
		}
		return 0, 0, false
	})
	for _, c := range []struct {
		from, to int64
		want     float64
	}{{0, 10, 1.5}, {0, 5, 1}, {5, 10, 2}, {10, 20, 0.5}, {15, 20, 0}, {-10, 0, 0}, {25, 35, 0.5}, {30, 40, 0}} {
		if got := o.mean(c.from, c.to); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("mean over [%d, %d) is %g, want %g", c.from, c.to, got, c.want)
		}
	}
}
