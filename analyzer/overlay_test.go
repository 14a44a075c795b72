package analyzer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// However many parts there are, the first of those that overlap holds.
func TestOverlayOfManyIsThatOfFew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.Custom(func(t *rapid.T) Part {
			start := rapid.Int64Range(-5, 40).Draw(t, "start")
			return Part{
				Start: start, End: start + rapid.Int64Range(-1, 12).Draw(t, "ns"),
				Phase: rapid.SampledFrom([]Phase{Unattributed, Queue, Decode}).Draw(t, "phase"),
			}
		})
		parts := rapid.SliceOfN(part, 0, manyParts-1).Draw(t, "parts")
		before := []Part{{End: 1, Phase: Tool}}
		if diff := cmp.Diff(overlay(before, parts, 0, 30), overlayMany(before, parts, 0, 30)); diff != "" {
			t.Errorf("(-few +many):\n%s", diff)
		}
	})
}
