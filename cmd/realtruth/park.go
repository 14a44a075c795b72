package main

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// A park is the servers that faults are run on.
type park struct{ machines []*machine }

// startPark starts the servers that these faults need.
func startPark(ctx context.Context, o *options, folder string, list []faultCase) (_ *park, err error) {
	p := &park{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	first, err := startMachine(ctx, o, folder, "first", parallel, strings.Fields(o.runWith))
	if err != nil {
		return nil, err
	}
	p.machines = append(p.machines, first)
	if slices.ContainsFunc(list, func(f faultCase) bool { return f.servers > 1 }) {
		second, err := startMachine(ctx, o, folder, "second", parallel, strings.Fields(o.runWith))
		if err != nil {
			return nil, err
		}
		p.machines = append(p.machines, second)
	}
	return p, nil
}

// of returns the servers that a fault is run on.
func (p *park) of(f *faultCase) []*machine { return p.machines[:max(1, f.servers)] }

func (p *park) stop() (err error) {
	for _, m := range p.machines {
		err = errors.Join(err, m.Stop())
	}
	return err
}
