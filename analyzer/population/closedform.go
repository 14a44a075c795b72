package population

import "math"

// ClosedForms are mean waits, in nanoseconds, that formulas of queueing theory give for context. They hold for a steady
// state alone, and misjudge bursts: the verdict is the replay's.
type ClosedForms struct {
	ArrivalCV2         float64 `json:"arrival_cv2"`                      // squared coefficient of variation of the gaps
	ServiceCV2         float64 `json:"service_cv2"`                      // and of service
	PollaczekKhinchine float64 `json:"pollaczek_khinchine_ns,omitempty"` // of one slot, arrivals at random (M/G/1)
	Kingman            float64 `json:"kingman_ns,omitempty"`             // of one slot (G/G/1)
	AllenCunneen       float64 `json:"allen_cunneen_ns,omitempty"`       // of several slots (G/G/c)
}

// maxClosedForms is up to which utilisation the formulas are printed.
const maxClosedForms = 0.9

// utilise fills in how busy the slots of the binding stage are, and what they could serve.
func (q *Queueing) utilise(l *Load, stage int) {
	// Before the first request of the window, only some of those in service are known.
	since := l.Jobs[l.Before].Arrive
	busy := 0.0
	var service []float64
	var until int64
	for i := range l.Jobs {
		from, to := l.within(stage, i)
		if busy += float64(max(0, to-max(from, since))); i >= l.Before {
			service = append(service, float64(to-from))
		}
		until = max(until, to)
	}
	l = l.windowed()
	mean, cv2 := meanAndCV2(service)
	length := float64(until - since)
	if mean <= 0 || length <= 0 {
		return
	}
	slots := float64(q.Slots)
	q.Utilisation = busy / (slots * length)
	q.Saturation = slots / mean * 1e9
	gaps := make([]float64, 0, len(l.Jobs))
	for i := 1; i < len(l.Jobs); i++ {
		gaps = append(gaps, float64(l.Jobs[i].Arrive-l.Jobs[i-1].Arrive))
	}
	gap, arrivalCV2 := meanAndCV2(gaps)
	if q.Utilisation >= maxClosedForms || gap <= 0 || mean/gap >= slots || !l.stationary(arrivalCV2) {
		return
	}
	load := mean / gap // slots in use on average
	c := ClosedForms{ArrivalCV2: arrivalCV2, ServiceCV2: cv2}
	rho := load / slots
	if q.Slots == 1 {
		c.PollaczekKhinchine = rho / (1 - rho) * (1 + cv2) / 2 * mean
		c.Kingman = rho / (1 - rho) * (arrivalCV2 + cv2) / 2 * mean
	} else {
		c.AllenCunneen = erlangC(q.Slots, load) / (slots - load) * mean * (arrivalCV2 + cv2) / 2
	}
	q.ClosedForms = &c
}

// stationary reports whether as many requests arrive in the first half of the time as in the second, as far as arrivals
// that vary so can tell.
func (l *Load) stationary(cv2 float64) bool {
	first, last := l.Jobs[0].Arrive, l.Jobs[len(l.Jobs)-1].Arrive
	half := 0
	for i := range l.Jobs {
		if l.Jobs[i].Arrive-first < (last-first)/2 {
			half++
		}
	}
	n := float64(len(l.Jobs))
	return math.Abs(2*float64(half)-n) <= 1.959964*math.Sqrt(n*max(1, cv2))
}

// erlangC is the probability that a request waits for one of c slots of which load are in use on average, when both
// gaps and service are exponential.
func erlangC(c int, load float64) float64 {
	blocked := 1.0 // Erlang's B, by its recursion
	for k := 1; k <= c; k++ {
		blocked = load * blocked / (float64(k) + load*blocked)
	}
	rho := load / float64(c)
	return blocked / (1 - rho + rho*blocked)
}

// meanAndCV2 returns the mean of list and its squared coefficient of variation.
func meanAndCV2(list []float64) (mean, cv2 float64) {
	n := float64(len(list))
	if n == 0 {
		return 0, 0
	}
	for _, x := range list {
		mean += x / n
	}
	if mean == 0 {
		return 0, 0
	}
	for _, x := range list {
		cv2 += (x/mean - 1) * (x/mean - 1) / n
	}
	return mean, cv2
}
