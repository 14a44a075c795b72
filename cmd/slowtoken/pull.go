package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/ingest/source"
)

// pullOptions are the flags of pull.
type pullOptions struct {
	source   sourceOptions
	window   windowOptions
	services []string
	follow   bool
	every    time.Duration
	late     time.Duration
	restart  bool
	list     bool
	format   string
}

func pullCommand(a *app) *cobra.Command {
	var o pullOptions
	cmd := &cobra.Command{
		Use:     "pull",
		Short:   "Fetch traces from Jaeger or Tempo and store them",
		GroupID: groupInput,
		Long: `Fetches the traces of a window from the query API of a Jaeger or Tempo and stores them in the database, through the
running server when there is one. It finds out which API the server speaks and says so; docs/sources.md tells what each
cannot carry.

Time is fetched in slices, and a slice with more traces than a search may give is halved until none is hidden. What was
fetched is noted beside the database: an interrupted pull goes on where it was, and a later one fetches only what is
new. The last --late of the window is never noted, because spans of it may still arrive. Fetching traces twice changes
no answer: exact copies of a span count once.`,
		Example: `  slowtoken pull --jaeger http://jaeger:16686 --since 1h
  slowtoken pull --jaeger grpc://jaeger:16685 --since 1d --service vllm --follow
  slowtoken pull --tempo https://tempo.example.com --source-tenant team-a --since 6h
  slowtoken pull --jaeger http://jaeger:16686 --list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runPull(cmd.Context(), o) },
	}
	o.source.addFlags(cmd.Flags())
	o.window.addFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.services, "service", nil, "only traces with a span of this service, `NAME`; may be repeated; all services without it")
	cmd.Flags().BoolVar(&o.follow, "follow", false, "go on fetching what is new, until interrupted")
	cmd.Flags().DurationVar(&o.every, "every", 10*time.Second, "with --follow, fetch again after this `TIME`")
	cmd.Flags().DurationVar(&o.late, "late", time.Minute, "how long after its start a span may still arrive at the server: the last `TIME` is fetched again by the next pull")
	cmd.Flags().BoolVar(&o.restart, "restart", false, "fetch the whole window, whatever was fetched before")
	cmd.Flags().BoolVar(&o.list, "list", false, "list the services and their operations, and fetch nothing")
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "text or json: `FORMAT`")
	a.config.addFlags(cmd.Flags(), "source.", "drop-content", "memory-limit")
	return cmd
}

func (a *app) runPull(ctx context.Context, o pullOptions) error {
	if err := checkFormat(o.format, "text", "json"); err != nil {
		return err
	}
	if !o.source.asked() {
		return usageError("pull: name a source with --jaeger URL or --tempo URL")
	}
	if o.list {
		return a.listSource(ctx, o)
	}
	w, err := o.window.parse(a.now())
	if err != nil {
		return err
	}
	if o.follow && !w.Until.IsZero() {
		return usageError("--follow and --until exclude each other")
	}
	if o.follow && o.every <= 0 {
		return usageError("--every %s: want a time above 0", o.every)
	}
	if w, err = a.sourceWindow(w); err != nil {
		return err
	}
	c, err := a.openSource(ctx, o.source)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer c.Close()
	db, err := openStore(ctx, a.config, false)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer db.Close()
	p := &pull{app: a, options: o, client: c, db: db, asked: w}
	if err := p.openState(ctx); err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	err = p.run(ctx, w)
	return errors.Join(p.tell(err), err)
}

// A pull is one run of the command.
type pull struct {
	*app
	options pullOptions
	client  *source.Client
	db      store
	asked   window

	state   *pullState
	source  *pullSource
	skipped time.Duration // of the window, since it was fetched before

	pending  []analyzer.Span
	slices   []period // fetched and not stored yet
	stored   time.Time
	reported time.Time // end of the last slice that is stored
}

func (p *pull) openState(ctx context.Context) error {
	status, err := p.db.Status(ctx)
	if err != nil {
		return err
	}
	stale := false
	if p.state, stale, err = readPullState(p.config.DB, status.Spans); err != nil {
		return err
	}
	if stale {
		p.note("%s tells of another database: everything is fetched anew", p.state.path)
	}
	kind, address := "jaeger", p.options.source.jaeger
	if p.options.source.tempo != "" {
		kind, address = "tempo", p.options.source.tempo
	}
	services := slices.Clone(p.options.services)
	slices.Sort(services)
	p.source = p.state.source(pullSource{URL: address, Kind: kind, Tenant: p.config.Source.Tenant, Services: services})
	p.source.Link = p.client.TraceLink()
	p.state.Spans = status.Spans
	if p.options.restart {
		p.source.Covered = nil
	}
	return nil
}

// run fetches the window, and with --follow what comes after it, round by round.
func (p *pull) run(ctx context.Context, w window) error {
	for {
		err := p.round(ctx, w)
		switch {
		case ctx.Err() != nil && p.options.follow:
			return nil // an interrupt is how following ends
		case ctx.Err() != nil:
			return errors.New("pull: interrupted")
		case source.Temporary(err) && p.options.follow:
			p.log.Warn("the next round goes on from where this one failed", "error", err)
		case err != nil:
			return fmt.Errorf("pull: %w", err)
		case !p.options.follow:
			return nil
		}
		if pause(ctx, p.options.every) != nil {
			return nil
		}
		w.Until = p.now()
	}
}

// round fetches what of the window was not fetched yet.
func (p *pull) round(ctx context.Context, w window) error {
	gaps := p.source.gaps(w)
	p.skipped = w.Until.Sub(w.Since)
	for _, g := range gaps {
		p.skipped -= g.To.Sub(g.From)
	}
	bar := p.sliceProgress(w)
	defer bar.done()
	for _, g := range gaps {
		err := p.client.Pull(ctx, source.Request{From: g.From, To: g.To, Services: p.options.services, Depth: p.options.source.depth},
			func(spans []analyzer.Span) error { return p.add(ctx, spans) },
			func(s source.Slice) error {
				bar.at(s.To, p.client.Stats())
				return p.sliceDone(ctx, s)
			})
		if err != nil {
			// What was fetched before the failure is good, slice by slice; it is stored even when ctx is over.
			return errors.Join(err, p.store(context.WithoutCancel(ctx)))
		}
	}
	return p.store(ctx)
}

func (p *pull) add(ctx context.Context, spans []analyzer.Span) error {
	if p.config.DropContent {
		ingest.DropContent(spans)
	}
	p.pending = append(p.pending, spans...)
	if len(p.pending) < spansPerCommit {
		return nil
	}
	return p.insert(ctx)
}

func (p *pull) insert(ctx context.Context) error {
	if len(p.pending) == 0 {
		return nil
	}
	err := untilStored(ctx, func() error { return p.db.Insert(ctx, p.pending, closedTraces) })
	if err != nil {
		return fmt.Errorf("store %s: %w", plural(len(p.pending), "span"), err)
	}
	p.state.Spans += int64(len(p.pending))
	p.pending = nil
	return nil
}

// noteEvery is how often what was fetched is stored and noted at least, so that little is fetched twice after an
// interruption.
const noteEvery = 2 * time.Second

func (p *pull) sliceDone(ctx context.Context, s source.Slice) error {
	if s.Missing == 0 {
		p.slices = append(p.slices, period{s.From, s.To})
	}
	p.reported = s.To
	if time.Since(p.stored) < noteEvery {
		return nil
	}
	return p.store(ctx)
}

// store stores what is pending and then notes the slices it belongs to: never the other way round.
func (p *pull) store(ctx context.Context) error {
	if err := p.insert(ctx); err != nil {
		return err
	}
	p.stored = time.Now()
	settled := p.now().Add(-p.options.late)
	for _, s := range p.slices {
		if s.To.After(settled) {
			s.To = settled
		}
		p.source.cover(s)
	}
	p.slices = nil
	return p.state.write()
}
