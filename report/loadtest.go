package report

// A LoadTest is what a load generator did and saw, by scenario.
type LoadTest struct {
	Source    string         `json:"source"` // the file that says so
	Scenarios []LoadScenario `json:"scenarios"`
	// Breaking says in one sentence from which load on a limit is missed; empty where none is missed.
	Breaking string `json:"breaking,omitempty"`
}

// A LoadScenario is one step of a load test. Times are nanoseconds; what is absent was not measured.
type LoadScenario struct {
	Name     string   `json:"name"`
	Load     string   `json:"load"` // in words, such as "4 users" or "2.5 requests/s"
	Duration int64    `json:"duration_ns"`
	Requests int      `json:"requests"`
	Failed   int      `json:"failed"`
	Rate     float64  `json:"requests_per_second"` // that ended well
	TTFT50   *float64 `json:"ttft_p50_ns,omitempty"`
	TTFT95   *float64 `json:"ttft_p95_ns,omitempty"`
	E2E95    *float64 `json:"e2e_p95_ns,omitempty"`
	Observed []string `json:"observed,omitempty"` // what stood out
}
