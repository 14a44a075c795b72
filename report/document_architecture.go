package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/report/page"
)

// domainName names a capacity domain; one without a name is all that no instance is known of.
func domainName(name string) string {
	if name == "" {
		return "treated as one server"
	}
	return name
}

func (d *draft) architecture() {
	a := &d.r.Architecture
	d.heading(1, "1. System architecture")
	if len(a.Services) == 0 {
		d.missing("No span was read.", "analyze a window that has traces")
		return
	}
	d.heading(2, "Overview")
	d.say("As the traces show it: services, and who calls whom.")
	d.add(&page.Code{Text: diagram(a)})
	d.heading(2, "Stack and versions")
	t := &page.Table{Caption: "Services", Columns: []page.Column{{Title: "Service"}, {Title: "Spans", Numeric: true}, {Title: "What its resources state"}}}
	for i, s := range a.Services {
		if i == longList {
			d.say("%s of %s services are listed.", Count(longList), Count(len(a.Services)))
			break
		}
		facts := []string{}
		for _, key := range slices.Sorted(maps.Keys(s.Facts)) {
			if !hardwareKey(key) {
				facts = append(facts, key+" = "+strings.Join(s.Facts[key], ", "))
			}
		}
		if len(facts) == 0 {
			facts = []string{"nothing: set service.version on the resource"}
		}
		t.Rows = append(t.Rows, page.Cells(serviceName(s.Name), Count(s.Spans), strings.Join(facts, "; ")))
	}
	d.table(t)
	t = &page.Table{Caption: "Models", Columns: numbers("Model", "Requests")}
	for _, m := range d.r.Models {
		name := m.Name
		if name == "" {
			name = "not stated"
		}
		t.Rows = append(t.Rows, page.Cells(name, Count(m.Requests)))
	}
	d.table(t)
	d.heading(2, "Hardware")
	d.hardware()
}

// hardwareKey reports whether a resource attribute says what a service runs on.
func hardwareKey(key string) bool {
	return strings.HasPrefix(key, "host.") || strings.HasPrefix(key, "hw.") || strings.HasPrefix(key, "gpu.") || strings.HasPrefix(key, "cloud.") || strings.HasPrefix(key, "os.")
}

// hardware shows what resources and people say of the machines.
func (d *draft) hardware() {
	t := &page.Table{Caption: "What is known of the machines", Columns: []page.Column{{Title: "Of"}, {Title: "What"}, {Title: "Value"}}}
	for _, s := range d.r.Architecture.Services {
		for _, key := range slices.Sorted(maps.Keys(s.Facts)) {
			if hardwareKey(key) && len(t.Rows) < longList {
				t.Rows = append(t.Rows, page.Cells(serviceName(s.Name), key, strings.Join(s.Facts[key], ", ")))
			}
		}
	}
	for _, key := range []string{"device", "devices", "device_bandwidth", "model", "model_params", "replicas"} {
		if value := d.r.Facts[key]; value != "" {
			t.Rows = append(t.Rows, page.Cells("stated", key, value))
		}
	}
	if len(t.Rows) == 0 {
		d.missing("Nothing says what it runs on.", "set host.name, host.type and gpu.model on the resource, or state --fact device=NAME")
	}
	d.table(t)
}

func serviceName(name string) string {
	if name == "" {
		return "without a service.name"
	}
	return name
}

// diagram draws calls as a tree of services: each below the one that calls it most, others named beside.
func diagram(a *Architecture) string {
	called := map[string][]CallView{}
	parent := map[string]string{}
	for _, c := range a.Calls { // by spans, most first
		called[c.From] = append(called[c.From], c)
		if _, has := parent[c.To]; !has && c.From != c.To {
			parent[c.To] = c.From
		}
	}
	var b strings.Builder
	drawn := map[string]bool{}
	var draw func(name, indent string, spans int)
	draw = func(name, indent string, spans int) {
		mark := ""
		if indent != "" {
			mark = indent[:len(indent)-3] + "└─ "
		}
		count := ""
		if spans > 0 {
			count = "  (" + plural(spans, "call") + ")"
		}
		again := ""
		if drawn[name] {
			again = ", as above"
		}
		fmt.Fprintf(&b, "%s%s%s%s\n", mark, printable(serviceName(name), 60), count, again)
		if drawn[name] {
			return
		}
		drawn[name] = true
		for _, c := range called[name] {
			draw(c.To, indent+"   ", c.Spans)
		}
	}
	for _, s := range a.Services {
		if _, has := parent[s.Name]; !has {
			draw(s.Name, "", 0)
		}
	}
	for _, s := range a.Services { // what calls in circles only
		if !drawn[s.Name] {
			draw(s.Name, "", 0)
		}
	}
	return b.String()
}
