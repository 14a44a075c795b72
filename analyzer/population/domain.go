package population

// A Domain is what requests compete for: an engine process, or what counts as one.
type Domain struct {
	Name        string   // the instance; "" for requests without one
	Instances   []uint32 // codes of the processes in it
	AsOneServer bool     // no span names the process: all such requests are treated as one server's
	Replicas    int      // processes behind AsOneServer; 0 while nobody states them
	Members     []int32  // indices of Population.Records, by start
}

// SlotsKnown reports whether requests in service at once are those of known processes, so that slots can be counted.
func (d *Domain) SlotsKnown() bool { return !d.AsOneServer || d.Replicas > 0 }

// Domains returns the capacity domains, by name.
func (p *Population) Domains(f Facts) []Domain { return nil }
