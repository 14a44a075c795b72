package chart

import "fmt"

// A Stack is a whole and what it consists of.
type Stack struct {
	Label string
	Parts []Part
	// Seconds is how long the whole is. With it, bars are as long as the times are, and the parts are named with theirs.
	Seconds float64
}

// A Part is a share of a whole, in 0 to 1, by the name of its kind of time.
type Part struct {
	Name  string
	Share float64
}

const (
	margin   = 12.0
	labelCol = 110.0
	rowPitch = 34.0
	barPitch = 22.0
	// legendWidth is what a letter takes at most of the fonts that pages have where Go Regular is missing.
	legendWidth = 1.15 * textWidth
)

// Stacks draws each stack as a bar with its parts' names beneath. Bars are of the same length unless stacks say how long
// they are. Parts under half a percent are left without a name.
func Stacks(stacks []Stack) *Drawing {
	const width, total = 860.0, 80.0
	d := &Drawing{Width: width}
	longest := 0.0
	for _, s := range stacks {
		longest = max(longest, s.Seconds)
	}
	y := margin
	for _, s := range stacks {
		d.text(margin, y+barPitch-6, left, fit(s.Label, labelCol-6))
		x := margin + labelCol
		room := width - margin - x
		if longest > 0 {
			room = (room - total) * s.Seconds / longest
			d.text(x+room+8, y+barPitch-6, left, seconds(s.Seconds))
		}
		for _, p := range s.Parts {
			w := p.Share * room
			d.rect(x, y, w, barPitch, fillOf(p.Name))
			x += w
		}
		y += barPitch + 8
		x = margin + labelCol
		for _, p := range s.Parts {
			if p.Share < .005 {
				continue
			}
			name := fmt.Sprintf("%s %s", p.Name, percent(p.Share))
			if longest > 0 {
				name = fmt.Sprintf("%s %s", p.Name, seconds(p.Share*s.Seconds))
			}
			w := 14 + 5 + float64(len(name))*legendWidth + 16
			if x+w > width-margin {
				x, y = margin+labelCol, y+20
			}
			d.rect(x, y, 14, 12, fillOf(p.Name))
			d.text(x+19, y+11, left, name)
			x += w
		}
		y += rowPitch
	}
	d.Height = y
	return d
}

func percent(share float64) string {
	if share < .1 {
		return fmt.Sprintf("%.1f %%", 100*share)
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
