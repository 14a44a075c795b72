package chart

import (
	"fmt"
	"image/png"
	"io"

	"git.sr.ht/~sbinet/gg"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
)

// scale is how many points of a PNG make a pixel of the drawing, so that it stays sharp when a page shows it larger.
const scale = 2

// PNG writes d on white paper.
func (d *Drawing) PNG(w io.Writer) error {
	c := gg.NewContext(int(d.Width*scale), int(d.Height*scale))
	c.SetRGB(1, 1, 1)
	c.Clear()
	c.Scale(scale, scale)
	faces, err := newFaces()
	if err != nil {
		return err
	}
	for i := range d.shapes {
		s := &d.shapes[i]
		switch s.kind {
		case rectangle:
			pngRect(c, s)
		case line:
			pngLine(c, s)
		case word:
			if err := faces.word(c, s); err != nil {
				return err
			}
		}
	}
	encoder := png.Encoder{CompressionLevel: png.DefaultCompression}
	if err := encoder.Encode(w, c.Image()); err != nil {
		return fmt.Errorf("encoding a picture as PNG: %w", err)
	}
	return nil
}

func ink(c *gg.Context, softly bool) {
	if softly {
		c.SetRGB255(190, 194, 198)
		return
	}
	c.SetRGB255(27, 31, 36)
}

func pngRect(c *gg.Context, s *shape) {
	if s.fill.hatch == hollow {
		ink(c, false)
		c.SetLineWidth(1)
		c.SetDash(3, 2)
		c.DrawRectangle(s.x+.5, s.y+.5, max(0, s.w-1), s.h-1)
		c.Stroke()
		c.SetDash()
		return
	}
	c.SetRGB255(int(s.fill.r), int(s.fill.g), int(s.fill.b))
	c.DrawRectangle(s.x, s.y, s.w, s.h)
	c.Fill()
	c.SetRGB(1, 1, 1)
	c.SetLineWidth(1.2)
	for _, l := range hatching(s.fill.hatch, s.x, s.y, s.w, s.h) {
		c.DrawLine(l[0], l[1], l[2], l[3])
		c.Stroke()
	}
}

func pngLine(c *gg.Context, s *shape) {
	ink(c, s.softly)
	c.SetLineWidth(s.width)
	if s.dashed {
		c.SetDash(5, 4)
	}
	for i := 0; i+1 < len(s.points); i += 2 {
		if i == 0 {
			c.MoveTo(s.points[0], s.points[1])
			continue
		}
		c.LineTo(s.points[i], s.points[i+1])
	}
	c.Stroke()
	c.SetDash()
}

// faces are the letters of a picture, plain and bold, by size.
type faces struct {
	fonts [2]*opentype.Font
	made  map[faceKey]font.Face
}

type faceKey struct {
	bold bool
	size float64
}

func newFaces() (*faces, error) {
	f := &faces{made: map[faceKey]font.Face{}}
	for i, ttf := range [][]byte{goregular.TTF, gobold.TTF} {
		parsed, err := opentype.Parse(ttf)
		if err != nil {
			return nil, fmt.Errorf("reading the font of pictures: %w", err)
		}
		f.fonts[i] = parsed
	}
	return f, nil
}

func (f *faces) word(c *gg.Context, s *shape) error {
	key := faceKey{s.bold, s.size}
	face := f.made[key]
	if face == nil {
		font := f.fonts[0]
		if s.bold {
			font = f.fonts[1]
		}
		var err error
		if face, err = opentype.NewFace(font, &opentype.FaceOptions{Size: s.size * scale, DPI: 72}); err != nil {
			return fmt.Errorf("scaling the font of pictures: %w", err)
		}
		f.made[key] = face
	}
	// Letters are set in points of the picture: scaled afterwards, they would blur.
	c.Push()
	c.Identity()
	c.SetFontFace(face)
	ink(c, false)
	c.DrawStringAnchored(s.text, s.x*scale, s.y*scale, float64(s.align)/2, 0)
	c.Pop()
	return nil
}
