package population

// A Block is what intervals resample: a busy period of a domain, or an equal piece of a long one; nanoseconds since the
// Unix epoch.
type Block struct {
	Since, Until int64
	Members      []int32 // of the regime's Latency, by start
}
