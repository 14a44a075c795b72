package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/report/page"
	"github.com/slowtoken/slowtoken/rules"
)

// guidance says for each section of a report what a person who fills it in by hand writes there.
var guidance = map[string]string{
	"Executive summary":                     "For somebody who reads nothing else. Write it last.",
	"Objectives":                            "Which question this answers, for whom, and what is decided by it.",
	"Key findings":                          "By severity, each with its number. Say what is fine too.",
	"Impact against targets":                "Every target with its limit, what was measured, how many requests that is, and pass or fail.",
	"Estimated improvement":                 "What all changes together would bring, and what that rests on.",
	"1. System architecture":                "",
	"Overview":                              "Services and who calls whom, from the client to the accelerator.",
	"Stack and versions":                    "Server, engine, libraries, model and its precision, each with its version.",
	"Hardware":                              "Accelerators and how many, host, memory, network between them.",
	"2. Methodology and test configuration": "Enough for somebody else to get the same numbers.",
	"Request mix":                           "How long prompts and answers are, and how many prompts share a beginning.",
	"Definitions":                           "Where each time begins and ends. TTFT, TPOT and E2E mean different things to different tools.",
	"Regimes":                               "When the load was steady, and at which rate. Compare within one, not across.",
	"Telemetry quality":                     "What is missing, sampled or contradictory, and which statements that weakens.",
	"3. Baseline performance":               "",
	"Distributions":                         "Means hide tails: show the whole distribution.",
	"Over time":                             "Arrivals, requests under way, and what happened when.",
	"Resource use":                          "Accelerator and memory use, cache, queue length, over the same window.",
	"4. Bottleneck analysis":                "",
	"Phases and their scores":               "Where the time of a request goes, before the first token and in all. Say which phases cannot be seen.",
	"The tail":                              "Which phase the slowest requests spend more time in than the others.",
	"Queueing, and who made whom wait":      "What is waited for, whether the load explains it, and which requests the others waited for.",
	"Top operations":                        "By time on the critical path, not by duration.",
	"Waterfalls":                            "One typical request and the worst one.",
	"Incidents":                             "When, what arrived, how long it took to drain.",
	"Turns and requests":                    "For agents: how many calls a turn takes, and what it spends on inference, tools and in between.",
	"What slow requests have in common":     "Model, tenant, length, instance. A correlation is not a cause.",
	"Finding":                               "One section for each, the first to fix at the top: symptoms, root cause, evidence with numbers and traces, impact.",
	"What is fine":                          "So that nobody looks there again.",
	"What could not be seen":                "And the setting that would show it.",
	"5. Load test results":                  "One row for each load.",
	"Breaking point":                        "The highest load that was sustained, the lowest that was not, and what gave way.",
	"6. Recommendations":                    "Each with problem, solution, configuration before and after, expected impact, effort, risk and priority.",
	"Quick wins":                            "Low effort, low risk.",
	"Medium term":                           "Medium effort, or high risk.",
	"Long term":                             "High effort.",
	"Telemetry":                             "What to switch on so that the next report sees more.",
	"7. Improvements, before and after":     "",
	"Before and after":                      "The same measures under the same load, with intervals: a difference can be chance.",
	"Cost and benefit":                      "What each change takes, in work and risk, and what it brings.",
	"8. Monitoring and alerts":              "",
	"Alert rules":                           "Thresholds from the targets above, over metrics that the stack exports.",
	"Dashboard":                             "What to draw over time.",
	"9. Conclusions and next steps":         "The primary bottleneck in one sentence, then what is done, by whom, by when.",
	"Now":                                   "", "Next": "", "Later": "",
	"10. Appendices": "",
	"Exemplars":      "Requests to look at, with links to their traces.",
	"Commands":       "What makes the same report again.",
	"Configuration":  "How the engine is set: flags and files.",
	"Left out":       "Secrets, personal data and content that the page does not show.",
	"References":     "Documentation, papers, earlier reports.",
}

// The template for people who fill it in by hand has the sections and tables of a full report.
func TestConfluenceTemplate(t *testing.T) {
	var b bytes.Buffer
	if err := page.Markdown(&b, blank(t, Document(everySection(t))), nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "docs", "confluence_template.md")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%s is out of date; go test ./report -run ConfluenceTemplate -update writes it:\n%s", path, firstDifference(b.String(), string(want)))
	}
}

// everySection is a report of which no section lacks data.
func everySection(t *testing.T) *Report {
	r := buildReport(t, gatewayCalls(), Options{TraceLink: "https://traces.example/{trace_id}"})
	r.Header = &Header{Title: "Why tokens are slow", Author: "Ada", Made: time.Unix(epoch/second, 0), Status: "draft", Commands: []string{"slowtoken report traces.json"}}
	finding := func(rank int, tier rules.Tier) rules.Finding {
		return rules.Finding{Rank: rank, Title: "Requests wait", Phase: analyzer.Queue, Severity: rules.SeverityModerate, Tier: tier, Symptoms: []string{"x"}, Evidence: []rules.EvidenceItem{{Text: "x"}},
			Recommendation: rules.Recommendation{Summary: "add a replica", Steps: []string{"x"}, Before: "a", After: "b"}}
	}
	r.Result = &rules.Result{Verdict: rules.VerdictBottleneck, Findings: []rules.Finding{finding(1, rules.TierQuick), finding(2, rules.TierMedium), finding(3, rules.TierLong)}, Telemetry: []rules.Finding{finding(0, rules.TierQuick)}}
	r.Alerts = alerts(r)
	r.LoadTest = &LoadTest{Steps: []LoadStep{{Load: "1 user"}}}
	r.Change = Compare(r.Sample, r.Sample, [2]string{"before", "after"}, nil, 1)
	r.TurnGroups = []TurnGroup{{Name: "agent", Turns: 1}}
	return r
}

// blank keeps the structure of a document: headings, with what belongs below them, and the heads of tables.
func blank(t *testing.T, d *page.Document) *page.Document {
	out := &page.Document{Title: "Why tokens are slow: a report to fill in", Blocks: []page.Block{
		page.Para(page.Text("For reports that are written by hand, with the sections that "), page.Mono("slowtoken report"), page.Text(" writes by itself. Where a section has no data, say why, and what would fill it: leave nothing blank.")),
	}}
	seen := map[string]bool{}
	skip := false
	for _, b := range d.Blocks {
		switch b := b.(type) {
		case *page.Heading:
			text := b.Text
			if strings.HasPrefix(text, "Finding ") {
				text = "Finding"
			}
			if skip = seen[text] || b.Level > 2; skip {
				continue
			}
			seen[text] = true
			say, known := guidance[text]
			if !known {
				t.Errorf("nobody says what belongs below %q", text)
			}
			out.Blocks = append(out.Blocks, &page.Heading{Level: b.Level, Text: text, ID: b.ID})
			if say != "" {
				out.Blocks = append(out.Blocks, page.Para(page.Text(say)))
			}
		case *page.Table:
			if !skip {
				out.Blocks = append(out.Blocks, &page.Table{Caption: b.Caption, Columns: b.Columns, Rows: blankRows(b)})
			}
		case *page.Figure:
			if !skip {
				out.Blocks = append(out.Blocks, page.Para(page.Text("Picture: "+b.Caption+".")))
			}
		case *page.Panel:
			out.Blocks = append(out.Blocks, &page.Panel{Kind: page.Info, Title: b.Title, Blocks: []page.Block{page.Para(page.Text("The top finding with its numbers, the first change to make and what it brings, which targets are missed. Three sentences."))}})
		case *page.Tasks:
			if !skip {
				out.Blocks = append(out.Blocks, &page.Tasks{Items: []page.Paragraph{page.Para(page.Text("What, by whom, by when"))}})
			}
		}
	}
	for text := range guidance {
		if !seen[text] {
			t.Errorf("%q is no section of a full report", text)
		}
	}
	return out
}

// blankRows keeps what rows are about where the first column says it, and is one empty row otherwise.
func blankRows(t *page.Table) (rows [][]page.Paragraph) {
	if first := t.Columns[0].Title; first != "About" && first != "Item" {
		return [][]page.Paragraph{page.Cells(make([]string, len(t.Columns))...)}
	}
	for _, row := range t.Rows {
		rows = append(rows, []page.Paragraph{row[0], page.Para(page.Text(""))})
	}
	return rows
}
