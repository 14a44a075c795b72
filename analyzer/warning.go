package analyzer

// Warnings count what was missing, cut or moved while telemetry was read, by name. They reach the user beside every
// result that rests on them.
type Warnings map[string]int

// Add counts n more of name. The map is made on first use.
func (w *Warnings) Add(name string, n int) {
	if n == 0 {
		return
	}
	if *w == nil {
		*w = Warnings{}
	}
	(*w)[name] += n
}

// Merge adds other's counts.
func (w *Warnings) Merge(other Warnings) {
	for name, n := range other {
		w.Add(name, n)
	}
}
