package remote

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/slowtoken/slowtoken/storage"
)

// A stream is a sequence of frames: a byte that says what it is, its length as uint32, and its content. The last frame
// is frameEnd or frameError; a stream without either broke, and what came before it is no answer.
const (
	frameSpans   = 'S' // a batch of spans
	framePoints  = 'M' // a batch of metric points
	frameParquet = 'P' // a piece of a Parquet file
	frameEnd     = 'E' // how many frames there were, and how many spans, points or bytes in them: two uint64
	frameError   = 'X' // an errorMessage as JSON: the answer failed, and what came before it is none
)

// maxFrame bounds what one frame makes its reader allocate.
const maxFrame = 1 << 30

// A frameWriter writes one stream.
type frameWriter struct {
	w             io.Writer
	before        func() error // each frame; may be nil
	head          [5]byte
	frames, count uint64
}

// write sends a frame that holds count spans, points or bytes.
func (f *frameWriter) write(kind byte, content []byte, count int) error {
	if len(content) > maxFrame {
		return errBatchTooLarge
	}
	if kind != frameEnd && kind != frameError {
		f.frames++
		f.count += uint64(count)
	}
	if f.before != nil {
		if err := f.before(); err != nil {
			return err
		}
	}
	f.head[0] = kind
	binary.LittleEndian.PutUint32(f.head[1:], uint32(len(content)))
	if _, err := f.w.Write(f.head[:]); err != nil {
		return err
	}
	_, err := f.w.Write(content)
	return err
}

// finish ends the stream, with err when that is what came of it.
func (f *frameWriter) finish(err error) error {
	if err != nil {
		content, _ := json.Marshal(newErrorMessage(err)) // of two strings: cannot fail
		return f.write(frameError, content, 0)
	}
	content := binary.LittleEndian.AppendUint64(nil, f.frames)
	return f.write(frameEnd, binary.LittleEndian.AppendUint64(content, f.count), 0)
}

// A frameReader reads one stream.
type frameReader struct {
	r             io.Reader
	content       []byte // of the last frame, used again for the next
	frames, count uint64
}

// errCut says that the other side went away in the middle.
var errCut = errors.New("the connection broke before the answer was complete")

// next returns the next frame. The content is valid until the next call. At the end of a complete stream the error is
// io.EOF; one that broke or failed gives another.
func (f *frameReader) next() (kind byte, content []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, nil, f.cut(err)
	}
	size := binary.LittleEndian.Uint32(head[1:])
	if size > maxFrame {
		return 0, nil, damaged("a frame of %d bytes", size)
	}
	if err := f.read(int(size)); err != nil {
		return 0, nil, f.cut(err)
	}
	switch kind = head[0]; kind {
	case frameSpans, framePoints, frameParquet:
		f.frames++
		return kind, f.content, nil
	case frameError:
		var message errorMessage
		if err := json.Unmarshal(f.content, &message); err != nil {
			return 0, nil, damaged("a report of an error that cannot be read: %v", err)
		}
		return 0, nil, message.err()
	case frameEnd:
		if size != 16 {
			return 0, nil, damaged("an end of %d bytes", size)
		}
		frames, count := binary.LittleEndian.Uint64(f.content), binary.LittleEndian.Uint64(f.content[8:])
		if frames != f.frames || count != f.count {
			return 0, nil, damaged("%d frames with %d items came, %d with %d were sent", f.frames, f.count, frames, count)
		}
		return 0, nil, io.EOF
	}
	return 0, nil, damaged("a frame of kind %q", head[0])
}

// read fills content with n bytes. It grows with what really comes, so that a length alone allocates little.
func (f *frameReader) read(n int) error {
	f.content = f.content[:0]
	for len(f.content) < n {
		step := min(n-len(f.content), max(1<<20, len(f.content)))
		start := len(f.content)
		f.content = append(f.content, make([]byte, step)...)
		if _, err := io.ReadFull(f.r, f.content[start:]); err != nil {
			return err
		}
	}
	return nil
}

func (f *frameReader) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w (after %d batches)", errCut, f.frames)
	}
	return err
}

// An errorMessage carries an error over the socket. Code keeps those apart that callers ask for with errors.Is.
type errorMessage struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"error"`
}

// The errors that keep their identity.
var codes = map[string]error{
	"busy":      storage.ErrBusy,
	"disk_full": storage.ErrDiskFull,
	"closed":    storage.ErrClosed,
	"read_only": storage.ErrReadOnly,
	"damaged":   errDamaged,
	"protocol":  ErrProtocol,
}

func newErrorMessage(err error) errorMessage {
	m := errorMessage{Message: err.Error()}
	for code, known := range codes {
		if errors.Is(err, known) {
			m.Code = code
		}
	}
	return m
}

func (m errorMessage) err() error { return &serverError{m.Message, codes[m.Code]} }

// A serverError is an error that the server reported, in its words.
type serverError struct {
	message string
	is      error // may be nil
}

func (e *serverError) Error() string { return e.message }
func (e *serverError) Unwrap() error { return e.is }
