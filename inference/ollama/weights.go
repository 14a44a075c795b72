package ollama

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/x448/float16"
)

// noise is normally distributed numbers to draw rows of weights from. Each row starts at a place of its own: as good as
// new numbers for timing, and a model of 16 GB is written as fast as the disk takes it.
type noise []float32

const noiseLength = 1<<20 + 7

func newNoise(seed uint64) noise {
	random := rand.New(rand.NewPCG(seed, 0))
	n := make(noise, noiseLength)
	for i := range n {
		n[i] = float32(random.NormFloat64())
	}
	return n
}

// The first number of an embedding, and what the output weights of sealed tokens make of it. Layers widen the spread of
// the other numbers to about 5, so that sealed tokens stay over 30 below the logits of all others.
const (
	sealNumber = 8
	sealWeight = -20
)

// weights writes one tensor.
type weights struct {
	tensor
	plain  []bool // of each token
	noise  noise
	random rand.PCG
}

// WriteTo implements io.WriterTo.
func (w *weights) WriteTo(to io.Writer) (written int64, err error) {
	out := bufio.NewWriterSize(to, 1<<20)
	if w.norm {
		for range w.columns {
			if err := binary.Write(out, binary.LittleEndian, float32(1)); err != nil {
				return 0, err
			}
		}
		return 4 * w.columns, out.Flush()
	}
	scaled := w.scaled()
	row := make([]byte, 2*w.columns)
	for i := range w.rows {
		w.fill(row, i, scaled)
		if _, err := out.Write(row); err != nil {
			return 0, err
		}
	}
	return 2 * w.columns * w.rows, out.Flush()
}

// scaled returns the noise as 16-bit floats that keep the spread of what they are multiplied with.
func (w *weights) scaled() []byte {
	scale := float32(1 / math.Sqrt(float64(w.columns)))
	if w.name == "token_embd.weight" {
		scale = 1
	}
	list := make([]byte, 0, 2*len(w.noise))
	for _, n := range w.noise {
		list = binary.LittleEndian.AppendUint16(list, float16.Fromfloat32(n*scale).Bits())
	}
	return list
}

// fill draws row i.
func (w *weights) fill(row []byte, i int64, scaled []byte) {
	for done := 0; done < len(row); {
		at := 2 * int(w.random.Uint64()%noiseLength)
		done += copy(row[done:], scaled[at:])
	}
	first := func(n float32) { binary.LittleEndian.PutUint16(row, float16.Fromfloat32(n).Bits()) }
	switch {
	case w.name == "token_embd.weight":
		first(sealNumber)
	case w.name == "output.weight" && w.plain[i]:
		first(0)
	case w.name == "output.weight":
		first(sealWeight)
	case i == 0 && (strings.HasSuffix(w.name, "attn_output.weight") || strings.HasSuffix(w.name, "ffn_down.weight")):
		clear(row) // what the layers add to the first number
	}
}
