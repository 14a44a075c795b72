package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// maxMessage bounds one message of an answer, in bytes. Ollama's last one can hold the whole context as numbers.
const maxMessage = 16 << 20

// lines yields the lines of an NDJSON stream that are not empty, without their ends, and ends with an error unless the
// stream did. A line is valid until the next one.
func lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(make([]byte, 0, 4096), maxMessage)
		for scanner.Scan() {
			if line := bytes.TrimSpace(scanner.Bytes()); len(line) > 0 && !yield(line, nil) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield(nil, readError(err))
		}
	}
}

// events yields the data of a stream of server-sent events. Events without data and the fields event, id and retry are
// passed over; data lines of one event are joined by a newline. Data that no empty line ends is yielded too: some
// servers leave the last one out.
//
// Source: WHATWG HTML, section 9.2, server-sent events.
func events(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(make([]byte, 0, 4096), maxMessage)
		scanner.Split(eventLine)
		var data []byte
		begun, first := false, true
		for scanner.Scan() {
			line := scanner.Bytes()
			if first {
				line, first = bytes.TrimPrefix(line, []byte("\ufeff")), false
			}
			if len(line) == 0 {
				if begun && !yield(data, nil) {
					return
				}
				data, begun = data[:0], false
				continue
			}
			field, value, _ := bytes.Cut(line, []byte(":"))
			if string(field) != "data" {
				continue
			}
			if begun {
				data = append(data, '\n')
			}
			data, begun = append(data, bytes.TrimPrefix(value, []byte(" "))...), true
			if len(data) > maxMessage {
				yield(nil, readError(bufio.ErrTooLong))
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield(nil, readError(err))
			return
		}
		if begun {
			yield(data, nil)
		}
	}
}

// eventLine splits lines that end with CRLF, LF or CR. A CR at the end of what has come waits for what follows, which may
// be its LF.
func eventLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0 && atEOF && len(data) > 0:
		return len(data), data, nil
	case i < 0:
		return 0, nil, nil
	case data[i] == '\n':
		return i + 1, data[:i], nil
	case i+1 < len(data) && data[i+1] == '\n':
		return i + 2, data[:i], nil
	case i+1 < len(data) || atEOF:
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

func readError(err error) error {
	if errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("%w: a message of the answer is over %d MiB", errProtocol, maxMessage>>20)
	}
	return err
}
