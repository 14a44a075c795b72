package arrival

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Planned request is one line of a recorded load.
type Planned struct {
	At     int64 // nanoseconds since the first request
	Prompt int   // tokens
	Output int   // tokens
}

// csvTime is how Azure's traces write times.
const csvTime = "2006-01-02 15:04:05.999999999"

// ReadCSV reads a recorded load: a header, then a line a request with its arrival, prompt tokens and output tokens. An
// arrival is a time (2023-11-16 18:17:03.97996, or RFC 3339) or a number of seconds. Arrivals must not go back, and no
// request has less than one token of each; an error names the line.
//
// Azure's traces of LLM inference have this form: TIMESTAMP, ContextTokens, GeneratedTokens.
func ReadCSV(r io.Reader) ([]Planned, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = 3
	lines.ReuseRecord = true
	if _, err := lines.Read(); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("read a recorded load: it is empty; want a header and lines of arrival,prompt tokens,output tokens")
		}
		return nil, fmt.Errorf("read a recorded load: %w", err)
	}
	var list []Planned
	var first int64
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read a recorded load: %w", err)
		}
		line, _ := lines.FieldPos(0)
		p, err := parsePlanned(fields)
		if err != nil {
			return nil, fmt.Errorf("read a recorded load, line %d: %w", line, err)
		}
		if len(list) == 0 {
			first = p.At
		}
		p.At -= first
		if n := len(list); n > 0 && p.At < list[n-1].At {
			return nil, fmt.Errorf("read a recorded load, line %d: it arrives before the line above; sort the file by arrival", line)
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		return nil, errors.New("read a recorded load: it has a header and no request")
	}
	return list, nil
}

func parsePlanned(fields []string) (p Planned, err error) {
	if p.At, err = parseArrival(strings.TrimSpace(fields[0])); err != nil {
		return Planned{}, err
	}
	for _, field := range []struct {
		what, text string
		to         *int
	}{{"prompt", fields[1], &p.Prompt}, {"output", fields[2], &p.Output}} {
		n, err := strconv.Atoi(strings.TrimSpace(field.text))
		if err != nil || n < 1 {
			return Planned{}, fmt.Errorf("%q %s tokens: want a number of at least 1", field.text, field.what)
		}
		*field.to = n
	}
	return p, nil
}

// farthest keeps the difference of two arrivals within what an int64 holds.
const farthest = 1e9 // seconds

func parseArrival(text string) (ns int64, err error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if seconds < 0 || !(seconds <= farthest) {
			return 0, fmt.Errorf("arrival %q: want 0 to %.0f seconds", text, float64(farthest))
		}
		return int64(seconds * 1e9), nil
	}
	for _, layout := range []string{csvTime, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			if t.Year() < 1970 || t.Year() > 2200 {
				return 0, fmt.Errorf("arrival %q: want a year from 1970 to 2200", text)
			}
			return t.UnixNano(), nil
		}
	}
	return 0, fmt.Errorf("arrival %q is neither seconds nor a time as 2023-11-16 18:17:03.97996", text)
}
