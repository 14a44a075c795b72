package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/ingest/source"
)

// A pullResult is what became of a pull.
type pullResult struct {
	Database string        `json:"database"`
	Source   string        `json:"source"`
	API      string        `json:"api"`
	Since    time.Time     `json:"since"`
	Until    time.Time     `json:"until"`
	UpTo     *time.Time    `json:"up_to,omitempty"` // how far it came; absent when nowhere
	Skipped  float64       `json:"fetched_before_s"`
	Losses   []source.Loss `json:"losses"`
	source.Stats
	Error string `json:"error,omitempty"`
}

// tell prints what came, and that traces are missing as an error.
func (p *pull) tell(failure error) error {
	s := p.client.Stats()
	if p.options.format == "json" {
		r := pullResult{
			Database: p.config.DB, Source: p.client.Name(), API: p.client.API(), Since: p.asked.Since.UTC(), Until: p.asked.Until.UTC(),
			Skipped: p.skipped.Seconds(), Losses: p.client.Losses(), Stats: s,
		}
		if !p.reported.IsZero() {
			upTo := p.reported.UTC()
			r.UpTo = &upTo
		}
		if failure != nil {
			r.Error = failure.Error()
		}
		if err := p.printJSON(r); err != nil {
			return err
		}
	} else {
		p.print(s)
	}
	if failure != nil {
		if !p.reported.IsZero() {
			p.note("what was fetched up to %s is stored; the same command goes on from there", stamp(p.reported.UTC()))
		}
		return nil
	}
	if s.Missing > 0 {
		return fmt.Errorf("pull: %s were named by the search and not delivered; the next pull asks for them again", plural(s.Missing, "trace"))
	}
	return nil
}

func (p *pull) print(s source.Stats) {
	out := p.stdout
	fmt.Fprintf(out, "%s: %s of %s", printable(p.client.Name()), plural(s.Spans, "span"), plural(s.Traces, "trace"))
	if p.skipped > 0 {
		fmt.Fprintf(out, "; %s of the window was fetched before", p.skipped.Round(time.Second))
	}
	fmt.Fprintf(out, " [%s, %s]\n", plural(s.Requests, "request"), plural(s.Slices, "slice"))
	for _, reason := range s.Refused.Reasons() {
		fmt.Fprintf(out, "  refused %d: %s\n", s.Refused[reason], printable(reason))
	}
	for _, detail := range append(slices.Clone(s.Details), s.MissingFirst...) {
		fmt.Fprintf(out, "    %s\n", printable(detail))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Warnings)) {
		if s.Warnings[name] > 0 {
			fmt.Fprintf(out, "  note: %s: %d\n", name, s.Warnings[name])
		}
	}
}

// listSource prints the services and their operations.
func (a *app) listSource(ctx context.Context, o pullOptions) error {
	c, err := a.openSource(ctx, o.source)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer c.Close()
	type service struct {
		Name       string             `json:"name"`
		Operations []source.Operation `json:"operations"`
	}
	list := []service{}
	names, err := c.Services(ctx)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		operations, err := c.Operations(ctx, name)
		if err != nil {
			return fmt.Errorf("pull: %w", err)
		}
		list = append(list, service{name, operations})
	}
	if o.format == "json" {
		return a.printJSON(struct {
			Source   string    `json:"source"`
			API      string    `json:"api"`
			Services []service `json:"services"`
		}{c.Name(), c.API(), list})
	}
	for _, s := range list {
		fmt.Fprintln(a.stdout, printable(s.Name))
		for _, op := range s.Operations {
			fmt.Fprintln(a.stdout, printable(strings.TrimRight("  "+op.Name+"  "+op.Kind, " ")))
		}
	}
	if len(list) == 0 {
		return noDataError("%s knows no services", c.Name())
	}
	return nil
}
