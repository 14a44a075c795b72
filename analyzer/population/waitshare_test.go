package population

import "testing"

// TestWaitShareOfFew: of a hundred who met nobody all take 75 ms; three who met others took as much longer as those needed,
// which is no chance. Were times to vary as much by themselves, it would be.
func TestWaitShareOfFew(t *testing.T) {
	var took, ahead, varying []float64
	for i := range 100 {
		took, ahead = append(took, 75e6+float64(i)*1e3), append(ahead, 0)
		varying = append(varying, 75e6+float64(i)*1e6)
	}
	for _, ns := range []float64{20e6, 40e6, 60e6} {
		took, ahead, varying = append(took, 75.05e6+ns), append(ahead, ns), append(varying, 125e6+ns/2)
	}
	if q := waitShare(took, ahead); q == nil || q.Low < 0.95 || q.High > 1.05 {
		t.Errorf("equal times: %+v, want an interval around 1", q)
	}
	if q := waitShare(varying, ahead); q != nil {
		t.Errorf("times that vary as much by themselves: %+v, want none", q)
	}
}
