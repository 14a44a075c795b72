package chart

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"strconv"
)

// SVG writes d. Its paper and ink are attributes of the root, which a page's style may override.
func (d *Drawing) SVG(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" color="#1b1f24" font-family="Go, system-ui, sans-serif" aria-hidden="true">`+"\n",
		number(d.Width), number(d.Height), number(d.Width), number(d.Height))
	fmt.Fprintf(w, `<rect class="paper" width="%s" height="%s" fill="#ffffff"/>`+"\n", number(d.Width), number(d.Height))
	for i := range d.shapes {
		s := &d.shapes[i]
		switch s.kind {
		case rectangle:
			svgRect(w, s)
		case line:
			svgLine(w, s)
		case word:
			svgWord(w, s)
		}
	}
	fmt.Fprintln(w, "</svg>")
	return w.Flush()
}

func svgRect(w io.Writer, s *shape) {
	colour := fmt.Sprintf("#%02x%02x%02x", s.fill.r, s.fill.g, s.fill.b)
	if s.fill.hatch == hollow {
		fmt.Fprintf(w, `<rect x="%s" y="%s" width="%s" height="%s" fill="none" stroke="currentColor" stroke-dasharray="3 2"/>`+"\n",
			number(s.x+.5), number(s.y+.5), number(max(0, s.w-1)), number(s.h-1))
		return
	}
	fmt.Fprintf(w, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", number(s.x), number(s.y), number(s.w), number(s.h), colour)
	lines := hatching(s.fill.hatch, s.x, s.y, s.w, s.h)
	if len(lines) == 0 {
		return
	}
	fmt.Fprint(w, `<path stroke="#ffffff" stroke-width="1.2" d="`)
	for _, l := range lines {
		fmt.Fprintf(w, "M%s %sL%s %s", number(l[0]), number(l[1]), number(l[2]), number(l[3]))
	}
	fmt.Fprint(w, `"/>`+"\n")
}

func svgLine(w io.Writer, s *shape) {
	fmt.Fprint(w, `<polyline fill="none" stroke="currentColor" stroke-width="`, number(s.width), `"`)
	if s.dashed {
		fmt.Fprint(w, ` stroke-dasharray="5 4"`)
	}
	if s.softly {
		fmt.Fprint(w, ` stroke-opacity="0.35"`)
	}
	fmt.Fprint(w, ` points="`)
	for i := 0; i+1 < len(s.points); i += 2 {
		if i > 0 {
			fmt.Fprint(w, " ")
		}
		fmt.Fprint(w, number(s.points[i]), ",", number(s.points[i+1]))
	}
	fmt.Fprint(w, `"/>`+"\n")
}

func svgWord(w io.Writer, s *shape) {
	fmt.Fprintf(w, `<text x="%s" y="%s" font-size="%s" fill="currentColor"`, number(s.x), number(s.y), number(s.size))
	if s.align == middle {
		fmt.Fprint(w, ` text-anchor="middle"`)
	}
	if s.align == right {
		fmt.Fprint(w, ` text-anchor="end"`)
	}
	if s.bold {
		fmt.Fprint(w, ` font-weight="600"`)
	}
	fmt.Fprint(w, ">", html.EscapeString(s.text), "</text>\n")
}

// number prints to a tenth of a pixel.
func number(f float64) string { return strconv.FormatFloat(float64(int64(f*10+.5))/10, 'f', -1, 64) }
