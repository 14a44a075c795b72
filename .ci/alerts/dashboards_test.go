package alerts

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// Every query of a dashboard is one that Prometheus understands, and draws a line over what the stack exports.
func TestDashboardsDraw(t *testing.T) {
	for _, stack := range stacks {
		t.Run(stack, func(t *testing.T) {
			storage := promqltest.LoadedStorage(t, "load 1m\n"+strings.Join(series(t, stack, bad), "\n"))
			defer storage.Close()
			engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
			defer engine.Close()
			drawn := 0
			for _, expr := range readQueries(t, stack) {
				query, err := engine.NewInstantQuery(t.Context(), storage, nil, expr, time.Unix(20*60, 0))
				if err != nil {
					t.Errorf("%s: %v", expr, err)
					continue
				}
				line, err := query.Exec(t.Context()).Vector()
				if err != nil || len(line) != 1 || math.IsNaN(line[0].F) {
					t.Errorf("%s: %v, %v, want one number", expr, line, err)
				}
				query.Close()
				drawn++
			}
			if drawn < 4 {
				t.Errorf("%d queries", drawn)
			}
		})
	}
}

// readQueries reads the queries of a golden dashboard.
func readQueries(t *testing.T, stack string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "report", "testdata", "dashboards", stack+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			list = append(list, target.Expr)
		}
	}
	return list
}
