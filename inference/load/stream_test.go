package load

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// collect reads a stream to its end or its first error.
func collect(stream func(func([]byte, error) bool)) (list []string, err error) {
	for data, e := range stream {
		if e != nil {
			return list, e
		}
		list = append(list, string(data))
	}
	return list, nil
}

func TestEventsAreReadAsTheStandardSays(t *testing.T) {
	for name, test := range map[string]struct {
		stream string
		want   []string
	}{
		"one event":                     {"data: a\n\n", []string{"a"}},
		"CRLF":                          {"data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}},
		"CR":                            {"data: a\r\rdata: b\r\r", []string{"a", "b"}},
		"one space goes":                {"data:  a\n\ndata:b\n\n", []string{" a", "b"}},
		"lines of one event are joined": {"data: a\ndata: b\n\n", []string{"a\nb"}},
		"comments keep alive":           {": ping\n\ndata: a\n: ping\n\n", []string{"a"}},
		"other fields":                  {"event: x\nid: 7\nretry: 1\ndata: a\n\nevent: y\n\n", []string{"a"}},
		"a byte order mark":             {"\ufeffdata: a\n\n", []string{"a"}},
		"empty data":                    {"data\n\n", []string{""}},
		"no empty line at the end":      {"data: a\n\ndata: [DONE]", []string{"a", "[DONE]"}},
		"nothing":                       {"", nil},
	} {
		for kind, reader := range map[string]io.Reader{
			"at once": strings.NewReader(test.stream), "byte by byte": iotest.OneByteReader(strings.NewReader(test.stream)),
		} {
			if got, err := collect(events(reader)); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%s, %s: %q, %v; want %q", name, kind, got, err, test.want)
			}
		}
	}
}

func TestStreamsEndWithTheirErrors(t *testing.T) {
	broken := errors.New("the line is cut")
	for name, read := range map[string]func(io.Reader) func(func([]byte, error) bool){
		"events": func(r io.Reader) func(func([]byte, error) bool) { return events(r) },
		"lines":  func(r io.Reader) func(func([]byte, error) bool) { return lines(r) },
	} {
		if _, err := collect(read(io.MultiReader(strings.NewReader("data: a\n"), iotest.ErrReader(broken)))); !errors.Is(err, broken) {
			t.Errorf("%s: an error in the middle gives %v", name, err)
		}
		if _, err := collect(read(strings.NewReader("data: " + strings.Repeat("x", maxMessage+1)))); !errors.Is(err, errProtocol) {
			t.Errorf("%s: a message without end gives %v", name, err)
		}
	}
}

func TestLinesThatAreEmptyAreNone(t *testing.T) {
	got, err := collect(lines(strings.NewReader("{}\n\n \r\n{\"a\":1}\r\n[]")))
	if want := []string{"{}", `{"a":1}`, "[]"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func FuzzEvents(f *testing.F) {
	for _, seed := range []string{"data: a\n\n", "data: a\r\rdata: b\r\n\r\n", ": x\n\ufeffdata:\ndata", "data: [DONE]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, err := collect(events(bytes.NewReader(stream)))
		pieces, err2 := collect(events(iotest.OneByteReader(bytes.NewReader(stream))))
		if err != nil || err2 != nil || !slices.Equal(whole, pieces) {
			t.Fatalf("at once %q, %v; byte by byte %q, %v", whole, err, pieces, err2)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("{}\n{\"done\":true}\n"))
	f.Add([]byte("\r\n \n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, err := collect(lines(bytes.NewReader(stream)))
		pieces, err2 := collect(lines(iotest.OneByteReader(bytes.NewReader(stream))))
		if err != nil || err2 != nil || !slices.Equal(whole, pieces) {
			t.Fatalf("at once %q, %v; byte by byte %q, %v", whole, err, pieces, err2)
		}
		for _, line := range whole {
			if line == "" || strings.ContainsRune(line, '\n') {
				t.Fatalf("line %q", line)
			}
		}
	})
}

func FuzzReadPiece(f *testing.F) {
	for _, seed := range []string{
		`{"model":"m","response":"a","done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2}`,
		`{"message":{"content":"","thinking":"hm"}}`,
		`{"choices":[{"delta":{"reasoning_content":"x"},"finish_reason":null}],"usage":null}`,
		`{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
		`{"error":{"message":"no"}}`, `{"error":"no"}`, `{"error":7}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readPiece(data)
		if err != nil && (p.text || p.done || p.failed != "") {
			t.Fatalf("an unreadable message says %+v", p)
		}
	})
}

func TestPiecesOfEveryAPI(t *testing.T) {
	two, three := 2, 3
	for data, want := range map[string]piece{
		`{"model":"m","response":"a","done":false}`:                                                                          {text: true, model: "m"},
		`{"response":"","done":true,"done_reason":"length","prompt_eval_count":3,"eval_count":2}`:                            {done: true, finish: "length", input: &three, output: &two},
		`{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}`:                                         {reasoning: true},
		`{"message":{"role":"assistant","content":"","tool_calls":[{}]},"done":false}`:                                       {text: true},
		`{"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}`:    {id: "c1"},
		`{"choices":[{"delta":{"reasoning_content":"hm"}}]}`:                                                                 {reasoning: true},
		`{"choices":[{"text":"a","finish_reason":"stop"}]}`:                                                                  {text: true, done: true, finish: "stop"},
		`{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`: {text: true, done: true, finish: "stop", input: &three, output: &two},
		`{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`:                                  {input: &three, output: &two},
		`{"error":{"message":"out of memory","code":500}}`:                                                                   {failed: "out of memory"},
		`{"error":"model not found"}`:                                                                                        {failed: "model not found"},
		`{"error":""}`:                                                                                                       {failed: "an error without words"},
	} {
		got, err := readPiece([]byte(data))
		if err != nil {
			t.Errorf("%s: %v", data, err)
		}
		same := func(a, b *int) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
		if !same(got.input, want.input) || !same(got.output, want.output) {
			t.Errorf("%s: tokens differ", data)
		}
		got.input, got.output, want.input, want.output = nil, nil, nil, nil
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", data, got, want)
		}
	}
}
