package population

// Examine studies p. It takes n log n steps in the number of requests, and its result depends on nothing but p and o.
func Examine(p *Population, o StudyOptions) *Study {
	s := &Study{}
	for _, domain := range p.Domains(o.Facts) {
		s.Domains = append(s.Domains, &DomainStudy{Domain: domain})
	}
	return s
}
