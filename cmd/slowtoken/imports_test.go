package main_test

import (
	"errors"
	"go/build"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/slowtoken/slowtoken"

// arrows says which of our packages each of our packages may import. A new package gets a line here first, which is
// the moment to ask where it belongs. The arrows point down: analyzer owns the nouns; ingest, storage, inference and
// rules know it and not each other; report knows analyzer and rules; cmd wires all of them together.
var arrows = map[string][]string{
	"analyzer":            nil,
	"analyzer/dialect":    {"analyzer"},
	"analyzer/population": {"analyzer", "analyzer/replay", "analyzer/roofline"},
	"analyzer/replay":     nil,
	"analyzer/roofline":   nil,

	"ingest":           {"analyzer"},
	"ingest/source":    {"analyzer", "ingest"},
	"storage":          {"analyzer"},
	"storage/remote":   {"analyzer", "storage"},
	"inference":        {"analyzer"},
	"inference/ollama": nil,
	"inference/synth":  {"analyzer", "inference/sim"},

	"inference/arrival":   nil,
	"inference/load":      {"analyzer/population", "inference/arrival"},
	"inference/sim":       {"analyzer", "inference/arrival"},
	"inference/emit":      {"analyzer", "inference/sim"},
	"inference/ollamasim": {"inference/sim"},
	"inference/fault":     {"analyzer", "inference/arrival", "inference/emit", "inference/sim"},

	"rules":                            {"analyzer", "analyzer/population"},
	"report":                           {"analyzer", "analyzer/dialect", "analyzer/population", "report/chart", "report/page", "rules"},
	"report/chart":                     nil,
	"report/page":                      nil,
	"report/confluence":                {"report/page"},
	"report/confluence/confluencetest": {"report/page"},

	"cmd/groundtruth": all,
	"cmd/realtruth":   all,
	"cmd/slowtoken":   all,
	"cmd/tracegen":    all,
}

// all is every package but the commands, which nobody imports.
var all = []string{
	"analyzer", "analyzer/dialect", "analyzer/population", "analyzer/replay", "analyzer/roofline", "ingest", "ingest/source", "storage", "storage/remote",
	"inference", "inference/ollama", "inference/synth", "inference/arrival", "inference/sim", "inference/emit", "inference/fault", "inference/load", "inference/ollamasim", "report", "report/confluence", "report/page", "rules",
}

// testArrows are what tests may import beside that: generated traces to work on, for tests of analyzer that look at it
// from outside the dialects that come with it, and for dialects the reader of recorded traces.
var testArrows = map[string][]string{
	"inference":           {"inference/ollama"},
	"inference/load":      {"inference/ollama", "inference/ollamasim", "inference/sim"},
	"analyzer":            {"inference/synth", "analyzer/dialect"},
	"analyzer/dialect":    {"inference/synth", "ingest"},
	"analyzer/population": {"inference/synth", "analyzer/dialect", "ingest"},
	"ingest":              {"inference/synth"},
	"ingest/source":       {"inference/synth"},
	"storage":             {"inference/synth"},
	"storage/remote":      {"inference/synth"},
	"report":              {"inference/synth"},
	"report/confluence":   {"report/confluence/confluencetest"},
	"cmd/slowtoken":       {"report/confluence/confluencetest"},
	"inference/emit":      {"analyzer/dialect", "inference/arrival"},
}

// pure lists the packages that only compute: what they may import from elsewhere, and what of the standard library
// would let them do more than compute.
var (
	pure        = []string{"analyzer", "analyzer/dialect", "analyzer/population", "analyzer/replay", "analyzer/roofline"}
	pureForeign = []string{"gonum.org/v1/gonum", "golang.org/x/perf/benchmath"}
	inputOutput = []string{"os", "io/ioutil", "net", "database/sql", "syscall", "log", "plugin", "embed"}
)

func TestArrows(t *testing.T) {
	packages := ownPackages(t)
	for path, p := range packages {
		allowed, known := arrows[path]
		if !known {
			t.Errorf("package %q is not in the table of arrows: give it a line that says what it may import", path)
			continue
		}
		for _, to := range own(p.Imports) {
			if !slices.Contains(allowed, to) {
				t.Errorf("%s must not import %s; it may import %q", path, to, allowed)
			}
		}
		allowed = append(slices.Clone(allowed), testArrows[path]...)
		for _, to := range own(slices.Concat(p.TestImports, p.XTestImports)) {
			if to != path && !slices.Contains(allowed, to) {
				t.Errorf("tests of %s must not import %s; they may import %q", path, to, allowed)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(arrows)) {
		if _, there := packages[path]; !there {
			t.Errorf("the table of arrows names %q, which is no package", path)
		}
	}
}

func TestAnalyzerOnlyComputes(t *testing.T) {
	packages := ownPackages(t)
	for _, path := range pure {
		p, there := packages[path]
		if !there {
			continue // TestArrows says so
		}
		for _, to := range p.Imports {
			switch first, _, _ := strings.Cut(to, "/"); {
			case isOrUnder(to, module):
			case strings.Contains(first, ".") && !slices.ContainsFunc(pureForeign, func(f string) bool { return isOrUnder(to, f) }):
				t.Errorf("%s must not import %s: beside the standard library it may import %q", path, to, pureForeign)
			case slices.ContainsFunc(inputOutput, func(f string) bool { return isOrUnder(to, f) }):
				t.Errorf("%s must not import %s: it only computes, others read and write", path, to)
			}
		}
	}
}

// ownPackages returns the packages of the module by their path below it.
func ownPackages(t *testing.T) map[string]*build.Package {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]*build.Package{}
	err = filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if name := entry.Name(); dir != root && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
			return filepath.SkipDir
		}
		p, err := build.ImportDir(dir, 0)
		if noGo := (*build.NoGoError)(nil); errors.As(err, &noGo) {
			return nil
		} else if err != nil {
			return err
		}
		path, err := filepath.Rel(root, dir)
		packages[filepath.ToSlash(path)] = p
		return err
	})
	if err != nil {
		t.Fatalf("look for packages below %s: %v", root, err)
	}
	return packages
}

// own returns which of the imports are of this module, by their path below it.
func own(imports []string) []string {
	var list []string
	for _, path := range imports {
		if isOrUnder(path, module) {
			list = append(list, strings.TrimPrefix(strings.TrimPrefix(path, module), "/"))
		}
	}
	return list
}

func isOrUnder(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}
