package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"strconv"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/storage"
)

// A Client reads and writes a database through the server that owns it. Its methods may be called concurrently and are
// those of [storage.DB]; errors of the database keep their identity for errors.Is.
type Client struct {
	info    Info
	version string
	http    *http.Client
}

var _ Store = (*Client)(nil)

// Dial connects to the server that info describes and makes sure that it speaks the same protocol. The version is the
// caller's own, for the error when it does not.
func Dial(ctx context.Context, info Info, version string) (*Client, error) {
	c := &Client{info: info, version: version, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", info.Socket)
		},
		ReadBufferSize:     256 << 10,
		WriteBufferSize:    256 << 10,
		DisableCompression: true,
	}}}
	response, err := c.call(ctx, http.MethodGet, "/v1/hello", nil)
	if err != nil {
		return nil, fmt.Errorf("reach the slowtoken server with pid %d at %s: %w", info.PID, info.Socket, err)
	}
	response.Body.Close()
	return c, nil
}

// Info tells what the lock file said of the server.
func (c *Client) Info() Info { return c.info }

// Close lets go of the connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// call sends a request and returns the response if it is a success; its body is the caller's to close.
func (c *Client) call(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://slowtoken"+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set(headerProtocol, strconv.Itoa(Protocol))
	r.Header.Set(headerVersion, c.version)
	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer response.Body.Close()
	var message errorMessage
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&message); err != nil {
		return nil, fmt.Errorf("the server answers %s", response.Status)
	}
	return nil, message.err()
}

// ask sends a question as JSON and reads the answer into to.
func (c *Client) ask(ctx context.Context, method, path string, question, to any) error {
	var body io.Reader
	if question != nil {
		data, err := json.Marshal(question)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	response, err := c.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(to)
}

// Status is [storage.DB.Status].
func (c *Client) Status(ctx context.Context) (status storage.Status, err error) {
	if err := c.ask(ctx, http.MethodGet, "/v1/status", nil, &status); err != nil {
		return storage.Status{}, fmt.Errorf("ask the server for its status: %w", err)
	}
	return status, nil
}

// Count is [storage.DB.Count].
func (c *Client) Count(ctx context.Context, q storage.Query) (counts storage.Counts, err error) {
	if err := c.ask(ctx, http.MethodPost, "/v1/count", q, &counts); err != nil {
		return storage.Counts{}, fmt.Errorf("count traces through the server: %w", err)
	}
	return counts, nil
}

// Spans is [storage.DB.Spans].
func (c *Client) Spans(ctx context.Context, q storage.Query) iter.Seq2[[]analyzer.Span, error] {
	return func(yield func([]analyzer.Span, error) bool) {
		err := c.stream(ctx, "/v1/spans", q, frameSpans, func(data []byte) (int, error) {
			spans, err := decode(data)
			if err == nil && !yield(spans, nil) {
				err = errStopped
			}
			return len(spans), err
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, fmt.Errorf("read spans through the server: %w", err))
		}
	}
}

// MetricPoints is [storage.DB.MetricPoints].
func (c *Client) MetricPoints(ctx context.Context, since, until int64) iter.Seq2[[]analyzer.MetricPoint, error] {
	return func(yield func([]analyzer.MetricPoint, error) bool) {
		err := c.stream(ctx, "/v1/points", storage.Query{Since: since, Until: until}, framePoints, func(data []byte) (int, error) {
			points, err := decodePoints(data)
			if err == nil && !yield(points, nil) {
				err = errStopped
			}
			return len(points), err
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, fmt.Errorf("read metric points through the server: %w", err))
		}
	}
}

// errStopped says that the caller wants no more.
var errStopped = errors.New("stopped")

// ExportParquet is [storage.DB.ExportParquet].
func (c *Client) ExportParquet(ctx context.Context, q storage.Query, w io.Writer) error {
	if err := c.stream(ctx, "/v1/parquet", q, frameParquet, w.Write); err != nil {
		return fmt.Errorf("export Parquet through the server: %w", err)
	}
	return nil
}

// stream sends a query and calls read for every frame of the answer. When it returns early, the server stops reading.
func (c *Client) stream(ctx context.Context, path string, q storage.Query, kind byte, read func([]byte) (int, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	question, err := json.Marshal(q)
	if err != nil {
		return err
	}
	response, err := c.call(ctx, http.MethodPost, path, bytes.NewReader(question))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return (&frameReader{r: response.Body}).each(kind, read)
}

// Insert is [storage.DB.Insert].
func (c *Client) Insert(ctx context.Context, spans []analyzer.Span, o storage.InsertOptions) error {
	path := "/v1/insert"
	if o.Closed {
		path += "?closed=true"
	}
	err := c.upload(ctx, path, func(f *frameWriter, e *encoder) error { return e.send(f, spans) })
	if err != nil {
		return fmt.Errorf("insert %d spans through the server: %w", len(spans), err)
	}
	return nil
}

// InsertMetrics is [storage.DB.InsertMetrics].
func (c *Client) InsertMetrics(ctx context.Context, points []analyzer.MetricPoint) error {
	err := c.upload(ctx, "/v1/metrics", func(f *frameWriter, e *encoder) error { return e.sendPoints(f, points) })
	if err != nil {
		return fmt.Errorf("insert metric points through the server: %w", err)
	}
	return nil
}

// upload sends a stream that send writes, and waits for the answer. A stream that send could not finish is broken off,
// so that the server does nothing with it.
func (c *Client) upload(ctx context.Context, path string, send func(*frameWriter, *encoder) error) error {
	reader, writer := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		e := encoders.Get().(*encoder)
		defer encoders.Put(e)
		f := &frameWriter{w: writer}
		err := send(f, e)
		if err == nil {
			err = f.finish(nil)
		}
		writer.CloseWithError(err)
		sent <- err
	}()
	response, err := c.call(ctx, http.MethodPost, path, reader)
	reader.CloseWithError(errStopped) // ends the sender if the server answered early
	if sendErr := <-sent; sendErr != nil && !errors.Is(sendErr, errStopped) && !errors.Is(sendErr, io.ErrClosedPipe) {
		err = sendErr
	}
	if err != nil {
		return err
	}
	return response.Body.Close()
}
