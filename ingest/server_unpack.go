package ingest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"google.golang.org/grpc/encoding"
)

// The receiver's own decompressors, over both protocols, let a frame of zstd of a few bytes ask for 512 MiB of window, and
// keep their decoders. So messages are unpacked here: over HTTP by the guard, once all of the message has arrived, and over
// gRPC by a decompressor that takes the place of the one for zstd, where the others need no memory to speak of.

// maxMessageWindow is the largest window of zstd that a message may ask for: that of the highest level of the encoders in
// use, and more than a message can hold.
const maxMessageWindow = 32 << 20

// A coding unpacks what came with a Content-Encoding.
type coding struct {
	name   string
	window int64 // bytes that unpacking takes beside its result, at most
	open   func(packed *bytes.Reader, most int64) (r io.Reader, done func(), err error)
}

// contentCodings are those of the collector. A Content-Encoding that is not among them is refused.
var contentCodings = []coding{
	{"gzip", 64 << 10, pooled(gzip.NewReader, (*gzip.Reader).Reset)},
	{"zstd", maxMessageWindow, openZstd},
	{"zlib", 64 << 10, openZlib},
	{"deflate", 64 << 10, openZlib}, // RFC 9110 means zlib by it
	{"snappy", 64 << 10, openSnappy},
	{"x-snappy-framed", 128 << 10, func(r *bytes.Reader, _ int64) (io.Reader, func(), error) { return snappy.NewReader(r), nothing, nil }},
	{"lz4", 8 << 20, func(r *bytes.Reader, _ int64) (io.Reader, func(), error) { return lz4.NewReader(r), nothing, nil }},
}

func nothing() {}

func codingNames() (names []string) {
	for _, c := range contentCodings {
		names = append(names, c.name)
	}
	return names
}

// codingNamed returns the coding of a name, among those that are allowed.
func codingNamed(name string, allowed []string) (coding, bool) {
	i := slices.IndexFunc(contentCodings, func(c coding) bool { return c.name == name })
	if i < 0 || !slices.Contains(allowed, name) {
		return coding{}, false
	}
	return contentCodings[i], true
}

// pooled opens with decoders that are used again.
func pooled[D io.Reader](open func(io.Reader) (D, error), reset func(D, io.Reader) error) func(*bytes.Reader, int64) (io.Reader, func(), error) {
	var pool sync.Pool
	return func(r *bytes.Reader, _ int64) (io.Reader, func(), error) {
		if d, ok := pool.Get().(D); ok {
			if err := reset(d, r); err != nil {
				return nil, nil, err // what a decoder that failed holds is let go
			}
			return d, func() { pool.Put(d) }, nil
		}
		d, err := open(r)
		return d, func() { pool.Put(d) }, err
	}
}

func openZlib(r *bytes.Reader, _ int64) (io.Reader, func(), error) {
	z, err := zlib.NewReader(r)
	return z, nothing, err
}

// openSnappy tells the two formats of snappy apart as the collector does, which sent one under the name of the other. The
// plain one says how much it holds, and comes out at once.
func openSnappy(r *bytes.Reader, most int64) (io.Reader, func(), error) {
	const framed = "\xff\x06\x00\x00sNaPpY"
	packed := make([]byte, r.Len())
	if _, err := io.ReadFull(r, packed); err != nil {
		return nil, nil, err
	}
	if bytes.HasPrefix(packed, []byte(framed)) {
		return snappy.NewReader(bytes.NewReader(packed)), nothing, nil
	}
	size, err := snappy.DecodedLen(packed)
	if err != nil {
		return nil, nil, err
	}
	if int64(size) > most {
		return nil, nil, &http.MaxBytesError{Limit: most}
	}
	plain, err := snappy.Decode(nil, packed)
	return bytes.NewReader(plain), nothing, err
}

// unpack appends what packed holds to dst. More than most bytes are a [http.MaxBytesError].
func (c coding) unpack(dst *bytes.Buffer, packed []byte, most int64) (err error) {
	defer func() { // some decoders panic on what is damaged
		if p := recover(); p != nil {
			err = fmt.Errorf("unpack %s: %v", c.name, p)
		}
	}()
	r, done, err := c.open(bytes.NewReader(packed), most)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", c.name, err)
	}
	n, err := dst.ReadFrom(io.LimitReader(r, most+1))
	switch {
	case n > most:
		err = &http.MaxBytesError{Limit: most}
	case err != nil: // the decoder may be broken: it is let go
		return fmt.Errorf("unpack %s: %w", c.name, err)
	}
	done()
	return err
}

// idleZstd are decoders that wait for the next message, no more than these: each may have a window.
var idleZstd = make(chan *zstd.Decoder, 2)

func zstdDecoder(r io.Reader) (*zstd.Decoder, error) {
	select {
	case d := <-idleZstd:
		return d, d.Reset(r)
	default:
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxMessageWindow))
	}
}

func letGo(d *zstd.Decoder) {
	if d.Reset(nil) != nil {
		return
	}
	select {
	case idleZstd <- d:
	default:
		d.Close()
	}
}

func openZstd(r *bytes.Reader, _ int64) (io.Reader, func(), error) {
	d, err := zstdDecoder(r)
	if err != nil {
		return nil, nil, err
	}
	return d, func() { letGo(d) }, nil
}

// A zstdCompressor takes the place of the registered gRPC compressor for reading.
type zstdCompressor struct{ encoding.Compressor }

// Decompress implements encoding.Compressor. gRPC closes the reader.
func (zstdCompressor) Decompress(r io.Reader) (io.Reader, error) {
	d, err := zstdDecoder(r)
	if err != nil {
		return nil, err
	}
	return &zstdReader{d}, nil
}

type zstdReader struct{ d *zstd.Decoder }

func (z *zstdReader) Read(p []byte) (int, error) {
	if z.d == nil {
		return 0, zstd.ErrDecoderClosed
	}
	return z.d.Read(p)
}

func (z *zstdReader) Close() error {
	if z.d != nil {
		letGo(z.d)
		z.d = nil
	}
	return nil
}

func init() { // the only time at which gRPC allows it; the receiver's package, which registers its own, is initialized before
	encoding.RegisterCompressor(zstdCompressor{encoding.GetCompressor("zstd")})
}
