package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/pflag"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest/source"
	"github.com/slowtoken/slowtoken/report"
)

// sourceOptions name a Jaeger or Tempo to fetch traces from.
type sourceOptions struct {
	jaeger, tempo string
	api           string
	depth         int
}

func (o *sourceOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.jaeger, "jaeger", "", "fetch from the Jaeger at `URL`: http, https, grpc or grpcs")
	flags.StringVar(&o.tempo, "tempo", "", "fetch from the Tempo at `URL`")
	flags.StringVar(&o.api, "api", "", "`API` to use instead of the best one: "+strings.Join(slices.Concat(source.JaegerAPIs, source.TempoAPIs), ", "))
	flags.IntVar(&o.depth, "depth", source.DefaultDepth, "most `TRACES` to ask for at once; time is sliced finer as long as there are as many")
}

// asked reports whether a source is named.
func (o *sourceOptions) asked() bool { return o.jaeger != "" || o.tempo != "" }

func (o *sourceOptions) check() error {
	switch {
	case o.jaeger != "" && o.tempo != "":
		return usageError("--jaeger and --tempo exclude each other")
	case o.depth < 1 || o.depth > source.MaxDepth:
		return usageError("--depth %d: want 1 to %d", o.depth, source.MaxDepth)
	}
	return nil
}

// openSource finds out what the server speaks, and says so.
func (a *app) openSource(ctx context.Context, o sourceOptions) (*source.Client, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &a.config.Source
	token, password, err := s.secrets()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	if s.Insecure {
		a.note("--source-insecure: certificates are not verified; whoever is in between can read and change everything")
	}
	options := source.Options{
		URL: o.jaeger + o.tempo, API: o.api,
		Token: token, User: s.User, Password: password, Tenant: s.Tenant, TLS: tlsConfig, Timeout: s.Timeout,
		Retrying: func(err error, pause time.Duration) {
			a.log.Warn("trying again", "in", pause.Round(time.Millisecond), "error", err)
		},
	}
	if token+password != "" && exposed(options.URL) {
		a.note("credentials go to %s without TLS: others on the way can read them", printable(hostOf(options.URL)))
	}
	open := source.OpenJaeger
	if o.tempo != "" {
		open = source.OpenTempo
	}
	c, err := open(ctx, options)
	if err != nil {
		return nil, err
	}
	a.note("reading %s", c.Name())
	if l := c.Losses(); len(l) > 1 {
		a.note("%s does not carry all that was recorded: %s (docs/sources.md)", c.API(), lossNames(l))
	}
	return c, nil
}

func lossNames(list []source.Loss) string {
	var names []string
	for _, l := range list {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}

// exposed reports whether what is sent to a URL can be read on a network.
func exposed(text string) bool {
	if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "grpcs://") {
		return false
	}
	host := hostOf(text)
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}

func hostOf(text string) string {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// A sliceProgress shows how far a pull is, in time.
type sliceProgress struct {
	a        *app
	bar      *progressbar.ProgressBar
	from, to time.Time
	told     time.Time
}

// sliceLogPause is how often progress is logged where no bar can be drawn.
const sliceLogPause = 10 * time.Second

func (a *app) sliceProgress(w window) *sliceProgress {
	p := &sliceProgress{a: a, from: w.Since, to: w.Until, told: time.Now()}
	if isTerminal(a.stderr) {
		p.bar = progressbar.NewOptions64(int64(w.Until.Sub(w.Since)), progressbar.OptionSetWriter(a.stderr),
			progressbar.OptionSetDescription("fetching"), progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	}
	return p
}

func (p *sliceProgress) at(t time.Time, s source.Stats) {
	if p.bar != nil {
		_ = p.bar.Set64(int64(min(t.Sub(p.from), p.to.Sub(p.from)))) // it only draws: there is nobody to tell
		return
	}
	if time.Since(p.told) >= sliceLogPause {
		p.told = time.Now()
		p.a.log.Info("fetching", "up to", stamp(t.UTC()), "traces", s.Traces, "spans", s.Spans)
	}
}

func (p *sliceProgress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// sourceWindow fills the open end of a window, and refuses one without a start: nobody wants all of a Jaeger by mistake.
func (a *app) sourceWindow(w window) (window, error) {
	if w.Since.IsZero() {
		return w, withHint(usageError("--since is missing: how far back to fetch"), "for the last hour: --since 1h")
	}
	if w.Until.IsZero() {
		w.Until = a.now()
	}
	return w, nil
}

// openRemote fetches all traces of the window into memory, with the attributes that wanted picks; nil picks all.
func (a *app) openRemote(ctx context.Context, r reading, wanted func(key string) bool) (*traceSource, error) {
	w, err := a.sourceWindow(r.window)
	if err != nil {
		return nil, err
	}
	c, err := a.openSource(ctx, *r.source)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var services []string
	if r.service != "" {
		services = []string{r.service}
	}
	latest := map[analyzer.TraceID][]analyzer.Span{}
	bar := a.sliceProgress(w)
	err = c.Pull(ctx, source.Request{From: w.Since, To: w.Until, Services: services, Depth: r.source.depth}, func(spans []analyzer.Span) error {
		if wanted != nil {
			for i := range spans {
				spans[i].Attributes = slices.DeleteFunc(spans[i].Attributes, func(a analyzer.Attribute) bool { return !wanted(a.Key) })
			}
		}
		latest[spans[0].TraceID] = append(latest[spans[0].TraceID], spans...)
		return nil
	}, func(s source.Slice) error {
		bar.at(s.To, c.Stats())
		return nil
	})
	bar.done()
	if err != nil {
		return nil, fmt.Errorf("fetch from %s: %w", c.Name(), err)
	}
	stats := c.Stats()
	spans := slices.Concat(slices.Collect(maps.Values(latest))...)
	return &traceSource{
		name:    c.Name(),
		args:    r.source.args(),
		link:    c.TraceLink(),
		traces:  heldTraces(spans),
		again:   func(ids []analyzer.TraceID) iter.Seq2[*analyzer.Trace, error] { return heldTraces(spansOf(spans, ids)) },
		leftOut: func() []report.Warning { return sourceWarnings(c, stats) },
		holds:   func(context.Context) (window, bool) { return rangeOf(spans) },
		close:   func() error { return nil },
	}, nil
}

// args are the flags that name the source again, with a space behind them.
func (o *sourceOptions) args() string {
	if o.tempo != "" {
		return "--tempo " + o.tempo + " "
	}
	return "--jaeger " + o.jaeger + " "
}

// sourceWarnings says what did not come, or not in full.
func sourceWarnings(c *source.Client, s source.Stats) (list []report.Warning) {
	if s.Missing > 0 {
		list = append(list, report.Warning{Name: "missing", Count: s.Missing, Meaning: "traces that the search named and the server did not deliver; the first: " + s.MissingFirst[0]})
	}
	if n := s.Refused.Total(); n > 0 {
		list = append(list, report.Warning{Name: "refused", Count: n, Meaning: "spans that could not be read: " + strings.Join(s.Refused.Reasons(), ", ")})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Warnings)) {
		if n := s.Warnings[name]; n > 0 {
			list = append(list, report.Warning{Name: name, Count: n, Meaning: source.WarningMeanings[name]})
		}
	}
	if l := c.Losses(); len(l) > 1 && s.Spans > 0 {
		list = append(list, report.Warning{Name: "reduced", Count: s.Spans, Meaning: "spans that came over " + c.API() + ", which does not carry all: " + lossNames(l)})
	}
	return list
}
