package inference

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	maxRequest = 64 << 20 // bytes of a request's body: images come inside
	maxLine    = 16 << 20 // bytes of a line of an answer: the last one may hold the whole context as numbers
	// heldChunks is how many chunks a slow reader may leave unread before Ollama has to wait for it. Until then its slot is
	// free for others as soon as Ollama is done.
	heldChunks = 4096
)

// An exchange is one request on its way through the gateway.
type exchange struct {
	g     *Gateway
	api   askedAPI
	w     http.ResponseWriter
	begun time.Time

	span   trace.Span
	stamps Stamps
	q      *question
	tenant string
	ahead  int    // requests that waited when it came
	status int    // what the client was answered; 0 while nothing was
	failed string // error.type
	why    error

	tokens int // of the prompt as the gateway counts them; -1 while it does not
	served Served

	gone func() bool // the client went away

	// What the reader of the stream notes; to be read once it has ended.
	report *ServerReport
	last   chunk // the last line so far
	first  int64 // created_at of the first chunk with output

	chunks []int64 // when each chunk was given to the client
}

func (x *exchange) now() int64 { return x.begun.UnixNano() + int64(time.Since(x.begun)) }

// exchange answers one request and emits its spans.
func (g *Gateway) exchange(a askedAPI, w http.ResponseWriter, r *http.Request) {
	x := &exchange{g: g, api: a, w: w, begun: time.Now(), tokens: -1, tenant: tenant(r),
		gone: func() bool { return r.Context().Err() != nil }}
	x.stamps.Arrived = x.begun.UnixNano()
	ctx := g.Propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, x.span = g.Tracer.Start(ctx, "POST "+a.path, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.begun))
	x.serve(ctx, r)
	x.stamps.Ended = x.now()
	x.emit(ctx)
	g.Metrics.ended(x)
}

// fail notes how the request went wrong, the first time; a client that went away is no error of anyone's.
func (x *exchange) fail(kind string, err error) {
	if x.failed != "" {
		return
	}
	x.failed, x.why = kind, err
	if x.gone() {
		x.failed = "cancelled"
	}
}

// refuse fails the request with an answer, if nothing was sent yet.
func (x *exchange) refuse(status int, kind string, err error) {
	x.fail(kind, err)
	if x.status == 0 {
		x.status = status
		if x.failed == "cancelled" {
			x.status = 499
		}
		refuse(x.w, x.api.refuse, status, err.Error())
	}
}

func (x *exchange) serve(ctx context.Context, r *http.Request) {
	g := x.g
	body, err := io.ReadAll(http.MaxBytesReader(x.w, r.Body, maxRequest))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		x.refuse(status, strconv.Itoa(status), fmt.Errorf("read the request: %w", err))
		return
	}
	if x.q, err = x.api.read(body); err != nil {
		x.refuse(http.StatusBadRequest, "400", err)
		return
	}
	x.span.SetName(x.q.operation + " " + x.q.model)
	_, x.ahead = g.queue.state()
	x.stamps.Queued = x.now()
	if err := g.queue.acquire(ctx, x.tenant); err != nil {
		if errors.Is(err, errQueueFull) {
			x.stamps.Queued = 0
			x.w.Header().Set("Retry-After", strconv.Itoa(g.retryAfter()))
			x.refuse(http.StatusTooManyRequests, "429", fmt.Errorf("%d requests wait for %d slots already: come back later", x.ahead, g.Slots))
			return
		}
		x.refuse(http.StatusServiceUnavailable, "cancelled", err)
		return
	}
	x.stamps.Granted = x.now()
	release := sync.OnceFunc(func() {
		g.hold.add(time.Duration(x.now() - x.stamps.Granted))
		g.queue.release()
	})
	defer release()

	if count := g.vocab.of(x.q.model); count != nil {
		if x.tokens, err = count(x.q.prompt); err != nil {
			x.tokens = -1
			g.Logger.Warn("a prompt was not tokenized", "model", x.q.model, "error", err)
		} else {
			x.stamps.Tokenized = x.now()
		}
	}
	x.served.Resident = g.resident.loaded(ctx, g.client, g.Upstream, x.q.model)
	x.served.OwnsQueue = g.ServerSlots >= g.Slots
	x.call(ctx, release)
}

// call sends the question on and passes the answer back.
func (x *exchange) call(ctx context.Context, release func()) {
	g := x.g
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := sync.OnceFunc(func() { x.stamps.Sent = x.now() })
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent() }})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, g.Upstream.JoinPath(x.q.path).String(), bytes.NewReader(x.q.body))
	if err != nil {
		x.refuse(http.StatusInternalServerError, "500", err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	g.Propagator.Inject(ctx, propagation.HeaderCarrier(req.Header))
	res, err := g.client.Do(req) //nolint:bodyclose // closed below, and by passError's caller, which the linter does not follow
	sent()                       // an answer can come before the last of the request is known to be written
	if err != nil {
		x.refuse(http.StatusBadGateway, "502", fmt.Errorf("ask Ollama at %s: %w", g.Upstream, err))
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		x.passError(res)
		return
	}

	lines := make(chan line, heldChunks)
	var ended error // of the stream; read after lines is closed
	go func() {
		defer close(lines)
		defer release()
		ended = x.read(ctx, res.Body, lines)
	}()
	x.write(lines)
	cancel() // the reader may wait for a place among the lines, or for Ollama
	for range lines {
	}
	if ended != nil && x.failed == "" && x.status == http.StatusOK && x.q.stream && x.last.Error == "" {
		x.w.Write(x.errorLine(ended.Error())) // a client that is gone has no use for it
	}
	if ended != nil {
		x.refuse(http.StatusBadGateway, "502", fmt.Errorf("read the answer of Ollama at %s: %w", g.Upstream, ended))
	}
}

// passError passes an error of Ollama's on.
func (x *exchange) passError(res *http.Response) {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxLine))
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		said.Error = fmt.Sprintf("Ollama at %s answers %s", x.g.Upstream, res.Status)
	}
	if after := res.Header.Get("Retry-After"); after != "" {
		x.w.Header().Set("Retry-After", after)
	}
	x.g.resident.forget(x.q.model)
	x.refuse(res.StatusCode, strconv.Itoa(res.StatusCode), errors.Join(errors.New(said.Error), err))
}

// A line is one line of Ollama's stream.
type line struct {
	raw []byte
	chunk
}

// errIncomplete is the end of a stream that never said that it was done.
var errIncomplete = errors.New("it ended before it was done")

// read takes lines from Ollama as they come, and the times and numbers in them, until it is done.
func (x *exchange) read(ctx context.Context, body io.Reader, lines chan<- line) error {
	scanner := bufio.NewScanner(body)
	scanner.Buffer(make([]byte, 0, 4096), maxLine)
	for scanner.Scan() {
		l := line{raw: bytes.Clone(bytes.TrimSpace(scanner.Bytes()))}
		if len(l.raw) == 0 {
			continue
		}
		if err := json.Unmarshal(l.raw, &l.chunk); err != nil {
			return fmt.Errorf("a line of it is no JSON: %w", err)
		}
		x.took(&l.chunk)
		select {
		case lines <- l:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case l.Error != "":
			return errors.New(l.Error)
		case l.Done:
			return nil
		}
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	return errIncomplete
}

// took notes what a line says.
func (x *exchange) took(c *chunk) {
	now := x.now()
	if c.output() && x.stamps.First == 0 {
		x.stamps.First = now
		if !c.CreatedAt.IsZero() && !c.Done {
			x.first = c.CreatedAt.UnixNano()
		}
	}
	x.last = *c
	if c.DoneReason == "unload" {
		x.g.resident.forget(x.q.model)
	}
	if !c.Done || c.Total <= 0 || c.CreatedAt.IsZero() {
		return
	}
	x.stamps.Done = now
	x.report = &ServerReport{
		First: x.first, Done: c.CreatedAt.UnixNano(),
		Total: c.Total, Load: max(c.Load, 0), PromptEval: max(c.PromptEval, 0), Eval: max(c.Eval, 0),
	}
	if x.q.unloads {
		x.g.resident.forget(x.q.model)
		return
	}
	x.g.resident.saw(x.q.model)
}

// errorLine spells an error that comes in the middle of a stream.
func (x *exchange) errorLine(message string) []byte {
	said := x.api.refuse(http.StatusBadGateway, message)
	if x.api.path == x.q.path {
		return said
	}
	return append(append([]byte("data: "), said...), '\n')
}

// write gives the client its answer as it comes.
func (x *exchange) write(lines <-chan line) {
	flush := http.NewResponseController(x.w)
	to := x.q.answer()
	for l := range lines {
		var out []byte
		var err error
		switch {
		case l.Error != "" && x.status == 0:
			return // what went wrong becomes the answer
		case l.Error != "":
			out = x.errorLine(l.Error)
		default:
			out, err = to.line(l.raw, &l.chunk)
		}
		if err != nil {
			x.refuse(http.StatusBadGateway, "502", fmt.Errorf("read a line of Ollama's answer: %w", err))
			return
		}
		if len(out) == 0 {
			continue
		}
		if x.status == 0 {
			x.status = http.StatusOK
			x.w.Header().Set("Content-Type", to.contentType())
		}
		if _, err = x.w.Write(out); err == nil {
			err = flush.Flush()
		}
		if err != nil {
			x.fail("cancelled", fmt.Errorf("write to the client: %w", err))
			return
		}
		if x.q.stream && l.output() {
			x.chunks = append(x.chunks, x.now())
		}
	}
}
