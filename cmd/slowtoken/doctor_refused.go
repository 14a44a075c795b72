package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusalMetrics are the counters of the server that tell of something that was sent and is not stored as it came.
var refusalMetrics = []string{
	"slowtoken_spans_refused_total", "slowtoken_messages_refused_total", "slowtoken_limited_total", "slowtoken_unauthenticated_total",
}

// refused says what the running server refused, dropped or cut since it started.
func (d *doctor) refused(ctx context.Context) {
	if d.running == nil || d.running.Admin == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	counts, err := fetchRefusals(ctx, "http://"+d.running.Admin+"/metrics")
	switch {
	case err != nil:
		d.say("refused", checkWarning, "curl http://"+d.running.Admin+"/metrics", "the server does not tell what it refused: %v", err)
	case len(counts) == 0:
		d.say("refused", checkOK, "", "nothing since the server started")
	default:
		d.say("refused", checkWarning, "mend the sender; limits are settings of serve: slowtoken serve --help", "%s", strings.Join(counts, "; "))
	}
}

func fetchRefusals(ctx context.Context, url string) (counts []string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	return refusalsIn(response.Body)
}

// refusalsIn reads Prometheus' text format, of which only lines of the counters above matter: name{labels} value.
func refusalsIn(r io.Reader) (counts []string, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		series, value, ok := cutLast(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil || n == 0 {
			continue
		}
		for _, name := range refusalMetrics {
			if labels, ok := strings.CutPrefix(series, name); ok {
				what := strings.TrimSuffix(strings.TrimPrefix(name, "slowtoken_"), "_total")
				counts = append(counts, strings.TrimSpace(fmt.Sprintf("%.0f %s %s", n, strings.ReplaceAll(what, "_", " "), strings.Trim(labels, "{}"))))
			}
		}
	}
	return counts, lines.Err()
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
