package population

import "github.com/slowtoken/slowtoken/analyzer"

// A Correlation is an attribute value that is over-represented where a phase is slow.
type Correlation struct {
	Phase     analyzer.Phase `json:"phase"`
	Attribute string         `json:"attribute"`
	Value     string         `json:"value"`
	N         int            `json:"n"`    // requests with the value
	Of        int            `json:"of"`   // requests compared
	Lift      float64        `json:"lift"` // share of the value in the slowest tenth over its share in all
	// Delta is Cliff's delta: how much more often a request with the value is slower than one without, from -1 to 1.
	Delta float64  `json:"delta"`
	Mean  float64  `json:"mean_difference_ns"` // mean with the value minus mean without
	P     float64  `json:"p"`                  // adjusted for all tests of the study (Benjamini and Hochberg)
	Worst Exemplar `json:"worst"`
}
