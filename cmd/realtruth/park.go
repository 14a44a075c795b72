package main

import (
	"context"
	"errors"
	"strings"
)

// A park is the servers that faults are run on.
type park struct {
	machines []*machine
	start    func(ctx context.Context, name string) (*machine, error)
}

// names are those of the servers' folders.
var names = []string{"first", "second"}

// startPark starts the servers that these faults need.
func startPark(ctx context.Context, o *options, folder string, list []faultCase) (_ *park, err error) {
	p := &park{start: func(ctx context.Context, name string) (*machine, error) {
		return startMachine(ctx, o, folder, name, parallel, strings.Fields(o.runWith))
	}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	need := 1
	for i := range list {
		need = max(need, list[i].servers)
	}
	for _, name := range names[:need] {
		m, err := p.start(ctx, name)
		if err != nil {
			return nil, err
		}
		p.machines = append(p.machines, m)
	}
	return p, nil
}

// restart ends all servers, whether or not they can be stopped in peace, and starts others in their place.
func (p *park) restart(ctx context.Context) error {
	for i, m := range p.machines {
		stopped := m.Stop()
		fresh, err := p.start(ctx, names[i])
		if err != nil {
			return errors.Join(stopped, err)
		}
		*m = *fresh // who holds the old one has the new one
	}
	return nil
}

// of returns the servers that a fault is run on.
func (p *park) of(f *faultCase) []*machine { return p.machines[:max(1, f.servers)] }

func (p *park) stop() (err error) {
	for _, m := range p.machines {
		err = errors.Join(err, m.Stop())
	}
	return err
}
