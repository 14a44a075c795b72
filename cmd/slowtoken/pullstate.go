package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A pullState is what was fetched already, in a file beside the database.
type pullState struct {
	path string

	Version int           `json:"version"`
	Spans   int64         `json:"spans_stored"` // at least so many the database held when this was written
	Sources []*pullSource `json:"sources"`
}

// A pullSource is one server, read in one way.
type pullSource struct {
	URL      string   `json:"url"`
	Kind     string   `json:"kind"` // jaeger or tempo
	Tenant   string   `json:"tenant,omitempty"`
	Services []string `json:"services,omitempty"` // empty for all
	Covered  []period `json:"covered"`            // fetched in full and stored, in order, apart from each other
	Link     string   `json:"link,omitempty"`     // where a person looks at a trace of it
}

// A period is the time [From, To).
type period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

const pullVersion = 1

func pullStatePath(db string) string { return db + ".pull.json" }

// readPullState reads the state beside a database that holds so many spans. A state that tells of more belongs to a
// database that is gone, and counts for nothing.
func readPullState(db string, spans int64) (s *pullState, stale bool, err error) {
	s = &pullState{path: pullStatePath(db), Version: pullVersion}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read what was fetched before: %w", err)
	}
	read := pullState{path: s.path}
	if err := json.Unmarshal(text, &read); err != nil || read.Version != pullVersion {
		return nil, false, withHint(fmt.Errorf("%s, which says what was fetched before, cannot be read (version %d): %w", s.path, read.Version, errors.Join(err, errOtherState)),
			"without that file everything is fetched again, which changes no answer")
	}
	if read.Spans > spans {
		return s, true, nil
	}
	return &read, false, nil
}

var errOtherState = errors.New("it is damaged, or of another version of slowtoken")

// source returns the entry for a source, which is made when there is none.
func (s *pullState) source(want pullSource) *pullSource {
	for _, have := range s.Sources {
		if have.URL == want.URL && have.Kind == want.Kind && have.Tenant == want.Tenant && slices.Equal(have.Services, want.Services) {
			return have
		}
	}
	s.Sources = append(s.Sources, &want)
	return &want
}

// write replaces the file as a whole.
func (s *pullState) write() error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), ".slowtoken-*")
	if err != nil {
		return fmt.Errorf("note what was fetched: %w", err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("note what was fetched: %w", err)
	}
	return os.Rename(f.Name(), s.path)
}

// cover adds a period to those that were fetched.
func (s *pullSource) cover(p period) {
	if !p.From.Before(p.To) {
		return
	}
	var list []period
	for _, q := range s.Covered {
		if q.To.Before(p.From) || p.To.Before(q.From) {
			list = append(list, q)
			continue
		}
		if q.From.Before(p.From) {
			p.From = q.From
		}
		if q.To.After(p.To) {
			p.To = q.To
		}
	}
	list = append(list, p)
	slices.SortFunc(list, func(a, b period) int { return a.From.Compare(b.From) })
	s.Covered = list
}

// gaps returns what of [w.Since, w.Until) was not fetched yet.
func (s *pullSource) gaps(w window) (list []period) {
	from := w.Since
	for _, q := range s.Covered {
		if !q.To.After(from) {
			continue
		}
		if !q.From.Before(w.Until) {
			break
		}
		if q.From.After(from) {
			list = append(list, period{from, q.From})
		}
		from = q.To
	}
	if from.Before(w.Until) {
		list = append(list, period{from, w.Until})
	}
	return list
}
