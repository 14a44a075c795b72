package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report"
)

// limitOptions are the flags that say what the requests are held against, as typed.
type limitOptions struct {
	targets    []string // NAME=LIMIT, over the settings
	slo        string   // MEASURE=LIMIT,..., instead of the settings
	definition string
	facts      []string // KEY=VALUE, over the file of facts
	baseline   string   // a saved analysis
}

func (o *limitOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.slo, "slo", "", "most that one request may take, as `OBJECTIVES` such as ttft=1s,tpot=50ms,e2e=10s: gives attainment and goodput")
	flags.StringArrayVar(&o.targets, "target", nil, "limit of all requests together, `NAME=LIMIT` such as ttft-p95=800ms or errors=1%; none drops one; may be repeated")
	flags.StringVar(&o.definition, "definition", "", "show the measures of a benchmark too, by `NAME`: "+strings.Join(definitionNames(), ", "))
	flags.StringArrayVar(&o.facts, "fact", nil, "what traces do not carry, `KEY=VALUE` such as replicas=2 or sampling=none; may be repeated")
	flags.StringVar(&o.baseline, "baseline", "", "score phases against what they took in an analysis saved with -o json in `FILE`, instead of against the fastest tenth of today")
}

func definitionNames() []string {
	var names []string
	for _, d := range report.Definitions {
		names = append(names, d.Name)
	}
	return names
}

// noLimit is what stands for no limit, so that a default one can be dropped.
const noLimit = "none"

// apply reads the flags, and the settings that stand behind them, into the options of a report.
func (o *limitOptions) apply(c *config, to *report.Options) (err error) {
	if to.Targets, err = o.readTargets(c); err != nil {
		return err
	}
	if to.Objectives, err = o.readObjectives(c); err != nil {
		return err
	}
	if to.Facts, err = o.readFacts(c.Facts); err != nil {
		return err
	}
	if o.baseline != "" {
		if to.Baseline, _, err = readSaved(o.baseline, compareOptions{}); err != nil {
			return err
		}
	}
	if o.definition == "" {
		return nil
	}
	d, ok := report.DefinitionNamed(o.definition)
	if !ok {
		err := usageError("--definition %s: unknown definition; use %s", o.definition, strings.Join(definitionNames(), ", "))
		return withGuess(err, o.definition, definitionNames())
	}
	to.Definition = d
	return nil
}

// withGuess adds the known name that name is close to, if there is one.
func withGuess(err error, name string, known []string) error {
	if guess := analyzer.Nearest(name, known); guess != "" {
		return withHint(err, "did you mean %s?", guess)
	}
	return err
}

// A limitText is a limit as typed, and where.
type limitText struct{ name, text, origin string }

// readTargets takes the settings with the flags over them.
func (o *limitOptions) readTargets(c *config) ([]report.Target, error) {
	names := report.TargetNames()
	texts := make([]limitText, len(names))
	for i, name := range names {
		s := c.lookup("targets." + name)
		texts[i] = limitText{name, s.flag.Value.String(), s.origin}
	}
	for _, f := range o.targets {
		name, text, ok := strings.Cut(f, "=")
		if !ok {
			return nil, usageError("--target %s: want NAME=LIMIT such as ttft-p95=800ms", f)
		}
		i := slices.Index(names, name)
		if i < 0 {
			return nil, withGuess(usageError("--target %s: there is no target %q; there are %s", f, name, strings.Join(names, ", ")), name, names)
		}
		texts[i].text, texts[i].origin = text, "--target"
	}
	var list []report.Target
	for _, l := range texts {
		if l.text == "" || l.text == noLimit {
			continue
		}
		t, err := report.ParseTarget(l.name, l.text)
		if err != nil {
			return nil, usageError("%s: %w", l.origin, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// readObjectives takes the flag, else the settings.
func (o *limitOptions) readObjectives(c *config) (objectives population.Objectives, err error) {
	if o.slo != "" {
		objectives, err = report.ParseObjectives(o.slo)
		if err != nil {
			return objectives, usageError("--slo %s: %w", o.slo, err)
		}
		return objectives, nil
	}
	for _, measure := range sloMeasures {
		s := c.lookup("slo." + measure)
		text := s.flag.Value.String()
		if text == "" || text == noLimit {
			continue
		}
		if err := report.ParseObjective(&objectives, measure, text); err != nil {
			return objectives, usageError("%s: %w", s.origin, err)
		}
	}
	return objectives, nil
}

// readFacts takes the file's facts with the flags over them.
func (o *limitOptions) readFacts(file string) (population.Facts, error) {
	facts := population.Facts{}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, usageError("read the facts: %w", err)
		}
		keys, err := fileKeys(file, text)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if err := addFact(facts, k.key, k.value, k.origin()); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range o.facts {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, usageError("--fact %s: want KEY=VALUE such as replicas=2", f)
		}
		if err := addFact(facts, key, value, "--fact"); err != nil {
			return nil, err
		}
	}
	return facts, nil
}

// addFact checks a fact and adds it; a later one holds.
func addFact(facts population.Facts, key, value, origin string) error {
	f, ok := population.FactNamed(key)
	if !ok {
		var known []string
		for _, f := range population.FactKeys {
			known = append(known, f.Key)
		}
		err := usageError("%s: unknown fact %q", origin, key)
		if guess := analyzer.Nearest(strings.ReplaceAll(key, "-", "_"), known); guess != "" {
			return withHint(err, "did you mean %s?", guess)
		}
		return withHint(err, "there are %s", strings.Join(known, ", "))
	}
	value, err := f.Check(value)
	if err != nil {
		return usageError("%s: %w", origin, err)
	}
	facts[f.Key] = value
	return nil
}

// sloMeasures are the measures of one request that can have an objective.
var sloMeasures = []string{"ttft", "tpot", "e2e"}

// limitSettings are the settings that hold for every analysis unless a flag says otherwise. They have no flags of their
// own: --target and --slo name them.
type limitSettings struct {
	Targets [][2]string // name and limit, in the order of reports
	SLO     [3]string   // in the order of sloMeasures
	Facts   string      // a file
}

func defaultLimits() (l limitSettings) {
	for _, name := range report.TargetNames() {
		limit := report.DefaultTargets[name]
		if limit == "" {
			limit = noLimit
		}
		l.Targets = append(l.Targets, [2]string{name, limit})
	}
	for i := range l.SLO {
		l.SLO[i] = noLimit
	}
	return l
}

func (l *limitSettings) list() []*setting {
	list := []*setting{{key: "facts", flag: textFlag(&l.Facts, "facts", "what traces do not carry, from a YAML `FILE` of KEY: VALUE; --fact goes before it")}}
	for i := range l.Targets {
		name := l.Targets[i][0]
		list = append(list, &setting{key: "targets." + name, flag: textFlag(&l.Targets[i][1], "target-"+name, fmt.Sprintf("`LIMIT` of %s", name))})
	}
	for i, measure := range sloMeasures {
		list = append(list, &setting{key: "slo." + measure, flag: textFlag(&l.SLO[i], "slo-"+measure, fmt.Sprintf("most `TIME` that one request's %s may take", measure))})
	}
	return list
}
