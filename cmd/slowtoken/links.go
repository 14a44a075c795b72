package main

import (
	"cmp"
	"encoding/json"
	"net/url"
	"os"
	"strings"
)

// linkSettings say where a person looks at a trace.
type linkSettings struct {
	Template   string
	Grafana    string
	Datasource string
}

func (s *linkSettings) list() []*setting {
	return []*setting{
		{key: "links.trace", flag: textFlag(&s.Template, "trace-link", "link exemplars by this `TEMPLATE`, a URL with {trace_id} and, if need be, {span_id}, {from_ms}, {to_ms}")},
		{key: "links.grafana", flag: textFlag(&s.Grafana, "grafana", "link exemplars to Explore in the Grafana at `URL`")},
		{key: "links.grafana-datasource", flag: textFlag(&s.Datasource, "grafana-datasource", "`UID` of the data source in Grafana that has the traces")},
	}
}

// template returns the template that the settings ask for, "" when they do not.
func (s *linkSettings) template() string {
	if s.Template != "" || s.Grafana == "" {
		return s.Template
	}
	return grafanaLink(s.Grafana, s.Datasource)
}

// grafanaLink returns the template of a link to one trace in Grafana's Explore.
func grafanaLink(base, datasource string) string {
	type source struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	type query struct {
		RefID      string `json:"refId"`
		Datasource source `json:"datasource"`
		QueryType  string `json:"queryType"`
		Query      string `json:"query"`
	}
	type span struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	type pane struct {
		Datasource string  `json:"datasource"`
		Queries    []query `json:"queries"`
		Range      span    `json:"range"`
	}
	panes, err := json.Marshal(map[string]pane{"trace": {
		Datasource: datasource,
		Queries:    []query{{"A", source{"tempo", datasource}, "traceql", "{trace_id}"}},
		Range:      span{"{from_ms}", "{to_ms}"},
	}})
	if err != nil {
		return "" // strings always encode
	}
	encoded := url.QueryEscape(string(panes))
	for _, name := range []string{"{trace_id}", "{from_ms}", "{to_ms}"} { // they are filled in later
		encoded = strings.ReplaceAll(encoded, url.QueryEscape(name), name)
	}
	return strings.TrimSuffix(base, "/") + "/explore?schemaVersion=1&panes=" + encoded
}

// pulledLink returns the link of the one source that a database was filled from by pull; "" when there is none, or
// several.
func pulledLink(db string) string {
	text, err := os.ReadFile(pullStatePath(db))
	if err != nil {
		return ""
	}
	var state pullState
	if json.Unmarshal(text, &state) != nil {
		return "" // pull says so; an analysis does without links
	}
	link := ""
	for _, s := range state.Sources {
		if link != "" && s.Link != link {
			return ""
		}
		link = cmp.Or(s.Link, link)
	}
	return link
}
