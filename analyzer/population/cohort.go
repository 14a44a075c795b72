package population

// A Cohort is requests that have something in common, over all domains.
type Cohort struct {
	Name    string  `json:"name"` // as [Score.Cohort]
	N       int     `json:"n"`    // requests that latency measures hold
	Members []int32 `json:"-"`    // indices into [Population.Records], ascending

	Typical Exemplar `json:"typical"` // closest to the median in every phase
	Worst   Exemplar `json:"worst"`   // longest E2E
}
