package chart

import "fmt"

// A Stack is a whole and what it consists of.
type Stack struct {
	Label string
	Parts []Part
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
)

// Stacks draws each stack as a bar of the same length, with its parts' names beneath, the largest first. Parts under
// half a percent are left without a name.
func Stacks(stacks []Stack) *Drawing {
	const width = 860.0
	d := &Drawing{Width: width}
	y := margin
	for _, s := range stacks {
		d.text(margin, y+barPitch-6, left, fit(s.Label, labelCol-6))
		x := margin + labelCol
		room := width - margin - x
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
			w := 14 + 5 + float64(len(name))*textWidth + 14
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
