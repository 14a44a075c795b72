package rules

// measureCulprit names the request that most of the waiting falls to, with what would not be waited without it.
func (v *view) measureCulprit() {
	b := v.domain.Blame
	if b == nil || len(b.Culprits) == 0 {
		return
	}
	c := &b.Culprits[0]
	v.m["culprit"] = text("trace " + c.TraceID.String())
	v.m["culprit_share"] = number(c.Without.Share, b.Requests)
}
