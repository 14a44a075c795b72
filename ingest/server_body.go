package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A body is the message of an HTTP request in memory, with room before it for the head of an envelope.
type body struct{ bytes.Buffer }

const headRoom = 4 * (1 + 10) // four tags and lengths

var bodies = sync.Pool{New: func() any { return new(body) }}

// maxPooledBody keeps one huge body from staying in memory for good.
const maxPooledBody = 4 << 20

func newBody() *body {
	b := bodies.Get().(*body)
	b.Reset()
	b.Write(make([]byte, headRoom)) // never fails
	return b
}

func (b *body) putBack() {
	if b.Cap() <= maxPooledBody {
		bodies.Put(b)
	}
}

// read appends what r holds, n bytes if n is not negative.
func (b *body) read(r io.Reader, n int64) error {
	b.Grow(int(max(n, 0)) + bytes.MinRead) // which reading wants to be free at its end
	_, err := b.ReadFrom(r)
	return err
}

func (b *body) message() []byte { return b.Bytes()[headRoom:] }

// envelope returns the message behind the head of its envelope.
func (b *body) envelope() []byte {
	head := envelopeHead(len(b.message()))
	from := headRoom - len(head)
	copy(b.Bytes()[from:], head)
	return b.Bytes()[from:]
}

// A notTaken is why a message is not taken, before it is decoded.
type notTaken struct {
	code   int // of HTTP
	reason string
	err    error
	retry  time.Duration // 0: sending again would not help
}

// receive reads, unpacks and checks the message of a request, within the intake. The caller releases and puts back.
func (g *guard) receive(w http.ResponseWriter, r *http.Request, sig signal, asJSON bool) (*body, *share, *notTaken) {
	packed := r.Header.Get("Content-Encoding")
	coding, known := codingNamed(packed, g.codings)
	if packed != "" && !known {
		return nil, nil, &notTaken{http.StatusBadRequest, "unreadable", fmt.Errorf("unsupported Content-Encoding %q: want one of %q", packed, g.codings), 0}
	}
	length := min(r.ContentLength, g.maxHTTP)
	room := length
	if length < 0 {
		room = 2 * g.maxHTTP // with what its buffer has too much
	}
	if packed != "" {
		room += 2*g.maxHTTP + coding.window
	}
	if g.intake.crowded() {
		return nil, nil, g.unread(errIntakeFull{})
	}
	control := http.NewResponseController(w)
	reader, err := g.intake.read(r.Context(), room, func() { _ = control.SetReadDeadline(time.Now()) }) // which ends the read
	if err != nil {
		return nil, nil, g.unread(err)
	}
	defer reader.done()
	plain := newBody()
	if packed == "" {
		err = plain.read(r.Body, length)
	} else {
		sent := newBody()
		if err = sent.read(r.Body, length); err == nil {
			err = coding.unpack(&plain.Buffer, sent.message(), g.maxHTTP)
		}
		sent.putBack()
	}
	if err != nil {
		plain.putBack()
		if reader.done() { // stopped for another message
			err = errIntakeFull{}
		}
		return nil, nil, g.unread(err)
	}
	check := checkProto
	if asJSON {
		check = checkJSON
	}
	size, err := check(plain.message(), sig)
	if err != nil {
		plain.putBack()
		return nil, nil, &notTaken{http.StatusBadRequest, "too_complex", err, 0}
	}
	// The receiver makes a copy, which grows.
	kept, err := g.intake.keep(r.Context(), size+2*int64(plain.Len()))
	if err != nil {
		plain.putBack()
		return nil, nil, g.unread(err)
	}
	return plain, kept, nil
}

// unread says why a message could not be read.
func (g *guard) unread(err error) *notTaken {
	full := fullError(nil)
	if errors.As(err, &full) {
		return &notTaken{http.StatusTooManyRequests, "busy", err, full.RetryAfter()}
	}
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return &notTaken{http.StatusRequestEntityTooLarge, "too_large", fmt.Errorf("the message has more than %d bytes after decompression: "+
			"send smaller batches, or raise --max-recv-size (max_request_body_size)", tooLarge.Limit), 0}
	}
	return &notTaken{http.StatusBadRequest, "unreadable", err, 0}
}

// refuse answers as OTLP/HTTP wants it: a google.rpc.Status in the encoding of the request.
func (g *guard) refuse(w http.ResponseWriter, asJSON bool, r *notTaken) {
	g.counters.messagesRefused.WithLabelValues("http", r.reason).Inc()
	answer := &status.Status{Code: int32(codes.InvalidArgument), Message: r.err.Error()}
	if r.retry > 0 {
		answer.Code = int32(codes.ResourceExhausted)
		w.Header().Set("Retry-After", strconv.Itoa(int(max(r.retry, minRetryDelay)/time.Second)))
	}
	content, marshal := contentProto, proto.Marshal
	if asJSON {
		content, marshal = contentJSON, protojson.Marshal
	}
	message, _ := marshal(answer) // of two scalars: cannot fail
	w.Header().Set("Content-Type", content)
	w.WriteHeader(r.code)
	_, _ = w.Write(message) // a sender that is gone is not our failure
}
