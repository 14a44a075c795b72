package population

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// reaches reports whether a request started before the window and is still there as it begins: it holds and waits for what
// requests of the window wait for.
func (w Window) reaches(r *analyzer.Request) bool {
	return w.Since != 0 && r.Start < w.Since && r.End > w.Since
}

// addBefore takes in a request that reaches into the window. What only latency measures and cohorts ask for is left out:
// it is in none.
func (b *Builder) addBefore(r *analyzer.Request) {
	phases, shown := b.phases(r)
	b.before = append(b.before, Record{
		TraceID: r.TraceID, SpanID: r.SpanID,
		Start: r.Start, End: r.End, FirstToken: r.FirstToken, LastToken: r.LastToken, Joined: joined(r),
		InputTokens: r.InputTokens, OutputTokens: r.OutputTokens, CachedTokens: r.CachedTokens, Sequences: r.Sequences,
		Model: b.code(r.Model), Service: b.code(r.Service), Instance: b.code(r.Instance), Dialect: b.code(r.Dialect),
		PrefillInstance: b.code(r.PrefillInstance), Leg: r.Leg, Outcome: r.Outcome,
		phases: phases, shown: shown,
	})
}

// record returns the record with that index: those of Before come after all of Records.
func (p *Population) record(m int32) *Record {
	if n := len(p.Records); int(m) >= n {
		return &p.Before[int(m)-n]
	}
	return &p.Records[m]
}

// compare orders records by start, then trace id, then span id.
func (r *Record) compare(other *Record) int {
	return cmp.Or(cmp.Compare(r.Start, other.Start), r.TraceID.Compare(other.TraceID), r.SpanID.Compare(other.SpanID))
}

// jobBefore returns what is left of a request that reaches into the window: one in service as the window begins holds its
// slot from when it got it, one that waits does so from the window's start on, since who was served before is not known.
// ok is false where the telemetry does not tell queue and service apart, or where nothing is left.
func (p *Population) jobBefore(d *Domain, r *Record) (job replay.Job, wait int64, ok bool) {
	job, wait, ok = p.job(d, r)
	start := job.Arrive + wait
	if !ok || start+job.Prefill+job.Decode <= p.since {
		return job, 0, false
	}
	job.Arrive = min(max(job.Arrive, p.since), start)
	return job, start - job.Arrive, true
}

// loadWithBefore is [Population.Load] with those of the requests that reach into the window that d serves, if members
// begin where the domain's do: they come first, as many as Before says.
func (p *Population) loadWithBefore(d *Domain, members []int32) Load {
	l := p.Load(d, members)
	if len(members) == 0 || len(d.Before) == 0 || members[0] != d.Members[0] {
		return l
	}
	type known struct {
		member int32
		job    replay.Job
		wait   int64
	}
	var list []known
	for _, m := range d.Before {
		if job, wait, ok := p.jobBefore(d, p.record(m)); ok {
			list = append(list, known{m, job, wait})
		}
	}
	slices.SortStableFunc(list, func(a, b known) int {
		return cmp.Or(cmp.Compare(a.job.Arrive, b.job.Arrive), cmp.Compare(p.record(a.member).Joined, p.record(b.member).Joined))
	})
	all := Load{Before: len(list), Unknown: l.Unknown, Opaque: l.Opaque}
	for _, k := range list {
		all.Members, all.Jobs, all.Waits = append(all.Members, k.member), append(all.Jobs, k.job), append(all.Waits, k.wait)
	}
	all.Members, all.Jobs, all.Waits = append(all.Members, l.Members...), append(all.Jobs, l.Jobs...), append(all.Waits, l.Waits...)
	return all
}

// windowed returns l without the requests that started before the window.
func (l *Load) windowed() *Load {
	return &Load{Members: l.Members[l.Before:], Jobs: l.Jobs[l.Before:], Waits: l.Waits[l.Before:], Unknown: l.Unknown, Opaque: l.Opaque}
}

// together returns the members and those before.
func (d *Domain) together() []int32 {
	return slices.Concat(d.Before, d.Members)
}
