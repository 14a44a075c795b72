package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/rules"
)

// text prints a limit as "ttft-p95: 1.00 s".
func (l *Limit) text(unit Unit) string {
	if unit == UnitShare {
		return l.Target + ": " + Percent(l.Value)
	}
	return l.Target + ": " + Duration(l.Value*1e9)
}

// A grafanaDashboard is as much of Grafana's classic dashboard model as is needed.
//
// Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
type grafanaDashboard struct {
	Title         string   `json:"title"`
	UID           string   `json:"uid"`
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	Timezone      string   `json:"timezone"`
	SchemaVersion int      `json:"schemaVersion"`
	Editable      bool     `json:"editable"`
	GraphTooltip  int      `json:"graphTooltip"` // 1: a shared crosshair
	Refresh       string   `json:"refresh"`
	Time          struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"time"`
	Templating struct {
		List []grafanaVariable `json:"list"`
	} `json:"templating"`
	Panels []any `json:"panels"`
}

type grafanaVariable struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Type  string `json:"type"`
	Query string `json:"query"`
}

type grafanaPanel struct {
	ID          int             `json:"id"`
	Type        string          `json:"type"`
	Title       string          `json:"title"`
	Description string          `json:"description,omitempty"`
	GridPos     grafanaPlace    `json:"gridPos"`
	Datasource  *grafanaSource  `json:"datasource,omitempty"`
	Targets     []grafanaTarget `json:"targets,omitempty"`
	FieldConfig *grafanaFields  `json:"fieldConfig,omitempty"`
	Options     map[string]any  `json:"options"`
}

// A grafanaPlace is in a grid of 24 columns.
type grafanaPlace struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type grafanaSource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type grafanaTarget struct {
	RefID        string         `json:"refId"`
	Expr         string         `json:"expr"`
	LegendFormat string         `json:"legendFormat"`
	Datasource   *grafanaSource `json:"datasource"`
}

type grafanaFields struct {
	Defaults struct {
		Unit       string            `json:"unit"`
		Min        float64           `json:"min"`
		Custom     map[string]any    `json:"custom"`
		Thresholds grafanaThresholds `json:"thresholds"`
	} `json:"defaults"`
	Overrides []any `json:"overrides"`
}

type grafanaThresholds struct {
	Mode  string        `json:"mode"`
	Steps []grafanaStep `json:"steps"`
}

type grafanaStep struct {
	Value *float64 `json:"value"` // null: from the beginning
	Color string   `json:"color"`
}

type grafanaRow struct {
	ID        int          `json:"id"`
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Collapsed bool         `json:"collapsed"`
	GridPos   grafanaPlace `json:"gridPos"`
	Panels    []any        `json:"panels"`
}

// WriteDashboard prints the panels of r as a dashboard for Grafana, which asks for the Prometheus to read when it is
// looked at. Without any panel it says why.
func WriteDashboard(w io.Writer, r *Report) error {
	d := &grafanaDashboard{
		Title: "Tokens: nothing to draw", UID: "slowtoken", Tags: []string{"slowtoken", "llm"}, Timezone: "browser", SchemaVersion: 39, Editable: true, GraphTooltip: 1, Refresh: "1m",
		Description: "From a report of " + strings.Map(visibleOrBlank, r.Source) + ", " + r.Window.Last.Format(time.DateOnly) + ". Lines across are its targets.",
	}
	d.Time.From, d.Time.To = "now-6h", "now"
	d.Templating.List = []grafanaVariable{{Name: "datasource", Label: "Prometheus", Type: "datasource", Query: "prometheus"}}
	d.fill(r.Panels)
	if len(r.Panels) == 0 {
		d.Panels = []any{grafanaPanel{ID: 1, Type: "text", Title: "Nothing to draw", GridPos: grafanaPlace{H: 4, W: 24}, Options: map[string]any{"mode": "markdown", "content": capital(noAlerts)}}}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// Panels stand in pairs, each this wide and high.
const (
	panelWidth  = 12
	panelHeight = 8
)

// fill adds a row of panels for each stack.
func (d *grafanaDashboard) fill(list []Panel) {
	d.Panels = []any{}
	id, x, y := 0, 0, 0
	names := []string{}
	for i := range list {
		p := &list[i]
		if i == 0 || list[i-1].Stack != p.Stack {
			if x > 0 {
				x, y = 0, y+panelHeight
			}
			id++
			d.Panels = append(d.Panels, grafanaRow{ID: id, Type: "row", Title: rules.StackName(p.Stack), GridPos: grafanaPlace{H: 1, W: 2 * panelWidth, Y: y}, Panels: []any{}})
			y++
			names = append(names, rules.StackName(p.Stack))
			d.UID += "-" + p.Stack
		}
		id++
		d.Panels = append(d.Panels, p.grafana(id, grafanaPlace{H: panelHeight, W: panelWidth, X: x, Y: y}))
		if x += panelWidth; x >= 2*panelWidth {
			x, y = 0, y+panelHeight
		}
	}
	if len(names) > 0 {
		d.Title = "Tokens of " + strings.Join(names, ", ")
	}
}

// grafana returns p as Grafana draws it. A limit is a dashed line.
func (p *Panel) grafana(id int, at grafanaPlace) grafanaPanel {
	source := &grafanaSource{"prometheus", "${datasource}"}
	out := grafanaPanel{ID: id, Type: "timeseries", Title: p.Title, Description: "Watch for " + p.Watch + ".", GridPos: at, Datasource: source, FieldConfig: &grafanaFields{Overrides: []any{}}, Options: map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}}
	for i, q := range p.Queries {
		out.Targets = append(out.Targets, grafanaTarget{RefID: string(rune('A' + i)), Expr: q.Expr, LegendFormat: q.Name, Datasource: source})
	}
	defaults := &out.FieldConfig.Defaults
	defaults.Unit = map[Unit]string{UnitSeconds: "s", UnitShare: "percentunit", UnitRate: "ops", UnitRequests: "short"}[p.Unit]
	defaults.Custom = map[string]any{"thresholdsStyle": map[string]any{"mode": "off"}}
	defaults.Thresholds = grafanaThresholds{Mode: "absolute", Steps: []grafanaStep{{Color: "transparent"}}}
	for i := range p.Limits {
		l := &p.Limits[i]
		defaults.Custom["thresholdsStyle"] = map[string]any{"mode": "dashed"}
		defaults.Thresholds.Steps = append(defaults.Thresholds.Steps, grafanaStep{Value: &l.Value, Color: "#D55E00"})
		out.Description += fmt.Sprintf(" Limit, %s.", l.text(p.Unit))
	}
	return out
}
