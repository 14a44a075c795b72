package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxLayers is how often a file may be compressed over.
const maxLayers = 3

// maxWindow is the largest memory that a zstd file may ask for; zstd --long=27 needs this much.
const maxWindow = 128 << 20

// minBombBytes is what must come out before a file's ratio counts against it.
const minBombBytes = 64 << 20

// decompress unpacks gzip and zstd, told by their first bytes; members that follow one another are one file. Anything
// else passes as it is.
func (in *reading) decompress(r io.Reader) (io.ReadCloser, error) {
	plain := io.NopCloser(r)
	for range maxLayers {
		buffered := bufio.NewReaderSize(plain, 64<<10)
		head, _ := buffered.Peek(4)
		compressed := &countingBytes{r: buffered}
		switch {
		case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
			z, err := gzip.NewReader(compressed)
			if err != nil {
				return nil, fmt.Errorf("unpack gzip: %w", err)
			}
			in.summary.Formats = append(in.summary.Formats, "gzip")
			plain = &bounded{r: z, close: z.Close, what: "gzip", in: compressed, options: in.options}
		case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18}):
			z, err := zstd.NewReader(compressed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
			if err != nil {
				return nil, fmt.Errorf("unpack zstd: %w", err)
			}
			in.summary.Formats = append(in.summary.Formats, "zstd")
			plain = &bounded{r: z, close: func() error { z.Close(); return nil }, what: "zstd", in: compressed, options: in.options}
		default:
			return struct {
				io.Reader
				io.Closer
			}{buffered, plain}, nil
		}
	}
	return plain, nil
}

// bounded ends a decompressed stream that grows out of all proportion.
type bounded struct {
	r       io.Reader
	close   func() error
	what    string
	in      *countingBytes
	out     int64
	options ReadOptions
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.out += int64(n)
	switch {
	case b.out > b.options.MaxDecompressed:
		return 0, fmt.Errorf("unpack %s: more than %d bytes came out: raise the limit if that is right", b.what, b.options.MaxDecompressed)
	case b.out > minBombBytes && b.out/max(b.in.n, 1) > b.options.MaxRatio:
		return 0, fmt.Errorf("unpack %s: %d bytes came out of %d, more than %d to one: raise the limit if that is right",
			b.what, b.out, b.in.n, b.options.MaxRatio)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("unpack %s: %w", b.what, err)
	}
	return n, err
}

func (b *bounded) Close() error { return b.close() }

type countingBytes struct {
	r io.Reader
	n int64
}

func (c *countingBytes) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
