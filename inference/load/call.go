package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// An outcome is what became of a request. Times are ns since its step began; 0 is never for those that come after sent.
type outcome struct {
	shot
	planned  bool // shot.at is a planned time; users of a closed loop have none
	sent     int64
	chunks   []int64 // when each chunk that carries output came; of an answer in one piece its end
	answered int64   // when the first chunk that is no reasoning came
	ended    int64

	streamed      bool // the answer came in pieces
	input, output int  // tokens as the server counts them; -1 while unstated
	complete      bool // the server said that this was all
	model, id     string
	finish        string
	status        int

	failed  string // the kind of error; "" is success
	example string // the error
	cut     bool   // it was still running when waiting ended
}

// tokens returns how long the answer is: as stated, else its chunks.
func (o *outcome) tokens() int {
	if o.output >= 0 {
		return o.output
	}
	return len(o.chunks)
}

// A caller makes calls.
type caller struct {
	http       *http.Client
	target     Target
	api        *api
	run        string
	timeout    time.Duration
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// call sends a question and reads the answer; clock gives ns since the step began.
func (c *caller) call(ctx context.Context, body []byte, epoch time.Time, o *outcome) {
	clock := func() int64 { return int64(time.Since(epoch)) }
	timed, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	o.input, o.output = -1, -1
	o.sent = clock()
	timed, span := c.start(timed, epoch, o)
	err := c.exchange(timed, body, clock, o)
	if o.ended = clock(); err != nil {
		if o.cut = unfinished(ctx); !o.cut {
			if o.failed == "" {
				o.failed = kindOf(err)
			}
			o.example = err.Error()
		}
	}
	c.end(span, epoch, o, err)
}

func (c *caller) exchange(ctx context.Context, body []byte, clock func() int64, o *outcome) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target.URL.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range c.target.Header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	c.propagator.Inject(ctx, propagation.HeaderCarrier(req.Header))
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if o.status = res.StatusCode; o.status != http.StatusOK {
		o.failed = strconv.Itoa(o.status)
		said, _ := io.ReadAll(io.LimitReader(res.Body, 300)) // what cannot be read of an error is not said
		return fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(said))
	}
	for data, err := range c.messages(res, o) {
		if err != nil {
			return err
		}
		if string(data) == "[DONE]" {
			o.complete = true
			continue
		}
		if err := o.take(data, clock); err != nil {
			return err
		}
	}
	if !o.complete {
		return errIncomplete
	}
	return nil
}

// messages yields the messages of an answer: by its type a stream of one kind or the other, or one message.
func (c *caller) messages(res *http.Response, o *outcome) iter.Seq2[[]byte, error] {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // an answer without a type is one message
	switch {
	case kind == "text/event-stream":
		o.streamed = true
		return events(res.Body)
	case kind == "application/x-ndjson" && c.target.Stream:
		o.streamed = true
		return lines(res.Body)
	}
	return func(yield func([]byte, error) bool) {
		data, err := io.ReadAll(io.LimitReader(res.Body, maxMessage+1))
		if err == nil && len(data) > maxMessage {
			err = fmt.Errorf("%w: it is over %d MiB", errProtocol, maxMessage>>20)
		}
		yield(data, err)
	}
}

// take notes what one message of the answer says.
func (o *outcome) take(data []byte, clock func() int64) error {
	now := clock()
	p, err := readPiece(data)
	if err != nil {
		return errors.Join(errProtocol, err)
	}
	if p.failed != "" {
		o.failed = errorServer
		return errors.New(p.failed)
	}
	if p.text || p.reasoning {
		o.chunks = append(o.chunks, now)
	}
	if p.text && o.answered == 0 {
		o.answered = now
	}
	o.complete = o.complete || p.done
	for _, field := range []struct {
		said string
		to   *string
	}{{p.model, &o.model}, {p.id, &o.id}, {p.finish, &o.finish}} {
		if field.said != "" {
			*field.to = field.said
		}
	}
	if p.input != nil && *p.input >= 0 {
		o.input = *p.input
	}
	if p.output != nil && *p.output >= 0 {
		o.output = *p.output
	}
	return nil
}
