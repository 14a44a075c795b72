package population

import "github.com/slowtoken/slowtoken/analyzer"

// details numbers the details of phases; 0 is none.
type details struct {
	names []string
	codes map[string]uint16
}

func newDetails() details { return details{names: []string{""}, codes: map[string]uint16{"": 0}} }

// detailUnknown is how dialects say that they cannot tell more.
const detailUnknown = "unknown"

// maxDetails is how many details are told apart: there are some twenty, but spans may state any.
const maxDetails = 1000

func (d *details) code(name string) uint16 {
	code, ok := d.codes[name]
	if !ok && len(d.names) < maxDetails {
		code = uint16(len(d.names))
		d.codes[name] = code
		d.names = append(d.names, name)
	}
	return code
}

func (b *Builder) mergeDetails(other *details) (recode []uint16) {
	recode = make([]uint16, len(other.names))
	for i, name := range other.names {
		recode[i] = b.details.code(name)
	}
	return recode
}

// A DetailTime is how long a detail of a phase took of a request; see [analyzer.Part].
type DetailTime struct {
	Phase     analyzer.Phase
	Detail    string
	TTFT, E2E int64 // nanoseconds
}

// Details yields what details the phases of r have; time without one is left out.
func (p *Population) Details(r *Record) func(yield func(DetailTime) bool) {
	return func(yield func(DetailTime) bool) {
		for _, t := range r.phases[r.shown:] {
			if !yield(DetailTime{t.Phase, p.details[t.detail], t.TTFT, t.E2E}) {
				return
			}
		}
	}
}

// phases sums a request's ledgers per phase and set of covered phases, then per detail; shown is how many of the first
// there are. The slices of all records share slabs, which spares an allocation a request.
func (b *Builder) phases(r *analyzer.Request) (list []PhaseTime, shown uint8) {
	most := 2 * (len(r.E2ELedger.Parts) + len(r.TTFTLedger.Parts))
	if cap(b.phaseSlab)-len(b.phaseSlab) < most {
		b.phaseSlab = make([]PhaseTime, 0, 4096+most)
	}
	first := len(b.phaseSlab)
	at := func(from int, part *analyzer.Part, covers analyzer.PhaseSet, detail uint16) *PhaseTime {
		for i := from; i < len(b.phaseSlab); i++ {
			if t := &b.phaseSlab[i]; t.Phase == part.Phase && t.Covers == covers && t.detail == detail {
				t.Inferred = t.Inferred && part.Source == analyzer.SourceInferred
				return t
			}
		}
		b.phaseSlab = append(b.phaseSlab, PhaseTime{
			Phase: part.Phase, Covers: covers, detail: detail, Inferred: part.Source == analyzer.SourceInferred,
		})
		return &b.phaseSlab[len(b.phaseSlab)-1]
	}
	each := func(take func(*analyzer.Part) *PhaseTime) {
		for i := range r.E2ELedger.Parts {
			if t := take(&r.E2ELedger.Parts[i]); t != nil {
				t.E2E += r.E2ELedger.Parts[i].End - r.E2ELedger.Parts[i].Start
			}
		}
		for i := range r.TTFTLedger.Parts {
			if t := take(&r.TTFTLedger.Parts[i]); t != nil {
				t.TTFT += r.TTFTLedger.Parts[i].End - r.TTFTLedger.Parts[i].Start
			}
		}
	}
	each(func(part *analyzer.Part) *PhaseTime { return at(first, part, part.Covers, 0) })
	shown = uint8(len(b.phaseSlab) - first)
	from := len(b.phaseSlab)
	each(func(part *analyzer.Part) *PhaseTime {
		if part.Detail == detailUnknown {
			return nil
		}
		code := b.details.code(part.Detail)
		if code == 0 {
			return nil
		}
		return at(from, part, 0, code)
	})
	return b.phaseSlab[first:len(b.phaseSlab):len(b.phaseSlab)], shown
}
