package analyzer

import (
	"cmp"
	"slices"
)

// manyParts is from how many parts on sorting them costs less than inserting one after the other.
const manyParts = 64

// overlayMany does what overlay does, in n log n.
func overlayMany(dst, parts []Part, start, end int64) []Part {
	claims := make([]claim, 0, len(parts))
	for i, p := range parts {
		from, to := max(p.Start, start), min(p.End, end)
		if from < to && (p.Phase != Unattributed || p.Covers != 0) {
			claims = append(claims, claim{from, to, int32(-i), int32(i)})
		}
	}
	slices.SortFunc(claims, func(x, y claim) int { return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(y.rank, x.rank)) })
	var active []claim
	last := int32(-1) // the part that the last piece of dst is of
	for next, at := 0, start; next < len(claims) || len(active) > 0; {
		for ; next < len(claims) && claims[next].start <= at; next++ {
			active = pushClaim(active, claims[next])
		}
		for len(active) > 0 && active[0].end <= at {
			active = popClaim(active)
		}
		if len(active) == 0 {
			if next < len(claims) {
				at, last = claims[next].start, -1
			}
			continue
		}
		until := active[0].end
		if next < len(claims) {
			until = min(until, claims[next].start)
		}
		piece := parts[active[0].part]
		if piece.Start, piece.End = at, until; last == active[0].part {
			dst[len(dst)-1].End = until
		} else {
			dst = append(dst, piece)
		}
		last, at = active[0].part, until
	}
	return dst
}
