package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// pictures are one of each kind.
func pictures() map[string]*Drawing {
	var ttft, e2e []float64
	for i := range 300 {
		ttft = append(ttft, .05*math.Exp(float64(i)/70))
		e2e = append(e2e, .9*math.Exp(float64(i)/110))
	}
	timeline := &Timeline{
		Length:   180,
		Regimes:  []Stretch{{0, 100, "1.2 requests/s"}, {100, 180, "3.1 requests/s"}},
		Incident: []Stretch{{62, 90, "40 arrivals, 28 s to drain"}},
	}
	for i := range 90 {
		timeline.Arrivals = append(timeline.Arrivals, 2+2*math.Abs(math.Sin(float64(i)/5)))
		timeline.InFlight = append(timeline.InFlight, 4+4*math.Abs(math.Sin(float64(i)/9)))
	}
	timeline.Arrivals[31], timeline.InFlight[33] = 40, 38
	nan := math.NaN()
	return map[string]*Drawing{
		"stacks": Stacks([]Stack{
			{Label: "TTFT", Parts: []Part{{"queue", .61}, {"prefill", .3}, {"tokenize", .05}, {"gpu_transfer", .02}, {"frontend", .02}}},
			{Label: "E2E", Parts: []Part{{"queue", .25}, {"prefill", .12}, {"decode", .55}, {"stream", .04}, {"unattributed", .04}}},
		}),
		"cdf":      CDF([]Curve{{"TTFT", ttft, 1}, {"E2E", e2e, 0}}),
		"timeline": timeline.Draw(),
		"waterfall": Waterfall(3.2, []Row{
			{"chat-api POST /v1/chat/completions", 0, 0, 3.2, []Piece{{"gateway", 0, .1}, {"stream", 3, 3.2}}},
			{"vllm llm_request", 1, .1, 3, []Piece{{"queue", .1, 1.2}, {"prefill", 1.2, 1.6}, {"decode", 1.6, 3}}},
			{"<script>alert(1)</script> & a very long name of an operation", 2, .4, .9, nil},
		}),
		"pairs": Pairs("before", "after", []Pair{
			{"TTFT p95", "", Interval{28, 27, 28.6}, Interval{22.2, 21.6, 22.9}},
			{"prefill", "prefill", Interval{.42, .4, .45}, Interval{.34, nan, nan}},
		}),
	}
}

// The SVG is a golden file: a change of one number moves what it stands for and nothing else.
func TestPicturesSVG(t *testing.T) {
	for name, d := range pictures() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := d.SVG(&b); err != nil {
				t.Fatal(err)
			}
			wellFormed(t, b.Bytes())
			golden := filepath.Join("testdata", name+".svg")
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%s differs (go test -update writes it)", golden)
			}
		})
	}
}

func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the SVG is not well-formed: %v", err)
		}
	}
}

// Everything is drawn within the picture, so that no page cuts it off.
func TestNothingLiesOutside(t *testing.T) {
	for name, d := range pictures() {
		for _, s := range d.shapes {
			x0, x1, y0, y1 := s.x, s.x+s.w, s.y, s.y+s.h
			switch s.kind {
			case word:
				width := float64(len([]rune(s.text))) * textWidth
				x0 -= width * float64(s.align) / 2
				x1, y0, y1 = x0+width, s.y-textSize, s.y+3
			case line:
				x0, x1, y0, y1 = d.Width, 0, d.Height, 0
				for i := 0; i < len(s.points); i += 2 {
					x0, x1 = min(x0, s.points[i]), max(x1, s.points[i])
					y0, y1 = min(y0, s.points[i+1]), max(y1, s.points[i+1])
				}
			}
			if x0 < -1 || x1 > d.Width+1 || y0 < -1 || y1 > d.Height+1 {
				t.Errorf("%s: %+v lies outside of %v x %v", name, s, d.Width, d.Height)
			}
		}
	}
}

// Without colours, any two kinds of time that reports show together still differ by their hatching or their brightness.
func TestFillsDifferWithoutColour(t *testing.T) {
	core := []string{"queue", "tokenize", "gpu_transfer", "prefill", "decode"}
	for i, a := range core {
		for _, b := range core[i+1:] {
			if fills[a].hatch == fills[b].hatch {
				t.Errorf("%s and %s look alike in black and white", a, b)
			}
		}
	}
	for name, f := range fills {
		if f.hatch == hollow {
			continue
		}
		for ground, of := range map[string]color.RGBA{"white": {255, 255, 255, 255}, "black": {20, 24, 29, 255}} {
			if c := contrast(color.RGBA{f.r, f.g, f.b, 255}, of); c < 2.2 {
				t.Errorf("%s stands out from %s by %.1f only", name, ground, c)
			}
		}
	}
}

// contrast is WCAG 2's ratio.
func contrast(a, b color.RGBA) float64 {
	light := func(c color.RGBA) float64 {
		part := func(v uint8) float64 {
			s := float64(v) / 255
			if s <= .04045 {
				return s / 12.92
			}
			return math.Pow((s+.055)/1.055, 2.4)
		}
		return .2126*part(c.R) + .7152*part(c.G) + .0722*part(c.B)
	}
	x, y := light(a), light(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func TestPicturesPNG(t *testing.T) {
	for name, d := range pictures() {
		var b bytes.Buffer
		if err := d.PNG(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		image, err := png.Decode(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := image.Bounds().Dx(); got != int(d.Width*scale) {
			t.Errorf("%s is %d points wide", name, got)
		}
		colours := map[color.Color]bool{}
		for x := range image.Bounds().Dx() {
			for y := range image.Bounds().Dy() {
				colours[image.At(x, y)] = true
			}
		}
		if len(colours) < 10 {
			t.Errorf("%s has %d colours: it is all but empty", name, len(colours))
		}
		if folder := os.Getenv("SLOWTOKEN_LOOK"); folder != "" {
			if err := os.WriteFile(filepath.Join(folder, name+".png"), b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Samples that are empty, constant, or hold one time only are drawn too.
func TestPicturesOfLittle(t *testing.T) {
	for name, d := range map[string]*Drawing{
		"no curve": CDF(nil), "empty": CDF([]Curve{{"TTFT", nil, 0}}), "one": CDF([]Curve{{"TTFT", []float64{1}, 0}}),
		"zero": CDF([]Curve{{"TTFT", []float64{0, 0}, 0}}), "stack": Stacks([]Stack{{Label: "E2E"}, {Label: "none", Seconds: 0}}), "waterfall": Waterfall(0, nil),
		"timeline": (&Timeline{}).Draw(), "pairs": Pairs("a", "b", nil), "instant": Waterfall(0, []Row{{"x", 0, 0, 0, []Piece{{"queue", 0, 0}}}}),
	} {
		var svg, bitmap strings.Builder
		if err := errors.Join(d.SVG(&svg), d.PNG(&bitmap)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(svg.String(), "NaN") || strings.Contains(svg.String(), "Inf") {
			t.Errorf("%s: %s", name, svg.String())
		}
		wellFormed(t, []byte(svg.String()))
	}
}
