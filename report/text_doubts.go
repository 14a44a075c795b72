package report

import (
	"fmt"
	"strings"
)

// textDoubts names what was left out and every doubt, and says what the first one means and, if there is
// room, what to do about it.
func textDoubts(p *answer, r *Report) {
	var names []string
	first, meaning, remedy := "", "", ""
	for _, w := range r.LeftOut {
		names = append(names, fmt.Sprintf("%s %s", w.Name, Count(w.Count)))
		if first == "" {
			first, meaning = w.Name, w.Meaning
		}
	}
	for i := range r.Quality.Doubts {
		d := &r.Quality.Doubts[i]
		names = append(names, doubtText(d))
		if first == "" {
			first, meaning, remedy = d.Name, d.Meaning, d.Remedy
		}
	}
	if first == "" {
		return
	}
	legend := ""
	if len(r.Quality.NotTrusted) > 0 {
		legend = "! not to be trusted; "
	}
	p.addLine(rankKept, fmt.Sprintf("warnings   %s%s", legend, printable(strings.Join(names, ", "), maxTextWidth-11-len(legend))))
	if line := meaning + "; " + remedy; remedy != "" && len(first)+len(line)+2 <= maxTextWidth-11 {
		meaning = line
	}
	p.addLine(rankMeaning, fmt.Sprintf("           %s: %s", first, printable(meaning, maxTextWidth-13-len(first))))
}

// doubtText is a doubt's name with its weight: the share of time that it speaks of, else of requests.
func doubtText(d *Doubt) string {
	mark := ""
	if d.Discredits {
		mark = "! "
	}
	switch {
	case d.Time > 0:
		return fmt.Sprintf("%s%s %s (%s of time)", mark, d.Name, Count(d.Count), Percent(d.TimeShare))
	case d.Requests > 0:
		return fmt.Sprintf("%s%s %s (%s)", mark, d.Name, Count(d.Count), Percent(d.Share))
	}
	return fmt.Sprintf("%s%s %s", mark, d.Name, Count(d.Count))
}
