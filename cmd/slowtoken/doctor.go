package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/storage"
	"github.com/slowtoken/slowtoken/storage/remote"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct{ format string }

func doctorCommand(a *app) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Say why there is nothing to see",
		GroupID: groupCare,
		Long: `Looks at everything between an application and an answer, and says for each what was found and what to do next: the
configuration, the database and the disk, the server and its ports, the latest spans with their names and clocks, and
the OpenTelemetry variables of this shell. It changes nothing.

Exit code 0: all is well; 1: something is wrong; 4: there is no data yet.`,
		Example:     "  slowtoken doctor\n  slowtoken doctor -o json | jq '.checks[] | select(.state != \"ok\")'",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{toleratesConfig: ""},
		RunE:        func(cmd *cobra.Command, _ []string) error { return a.runDoctor(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "text or json: `FORMAT`")
	a.config.addFlags(cmd.Flags(), "mapping", "serve.otlp.")
	return cmd
}

// A checkState says how a check went.
type checkState string

const (
	checkOK      checkState = "ok"
	checkWarning checkState = "warning" // may be meant so
	checkProblem checkState = "problem" // something is wrong
	checkEmpty   checkState = "empty"   // there is no data
)

// A check is one thing that doctor looked at.
type check struct {
	Name  string     `json:"name"`
	State checkState `json:"state"`
	Says  string     `json:"says"`           // what was found
	Next  string     `json:"next,omitempty"` // what to do about it
}

func (a *app) runDoctor(ctx context.Context, o doctorOptions) error {
	if err := checkFormat(o.format, "text", "json"); err != nil {
		return err
	}
	d := &doctor{app: a}
	d.configuration()
	d.server(ctx)
	d.ports()
	d.refused(ctx)
	d.disk()
	d.data(ctx)
	d.environment()
	if o.format == "json" {
		if err := a.printJSON(struct {
			Checks []check `json:"checks"`
		}{d.checks}); err != nil {
			return err
		}
	} else if err := d.print(); err != nil {
		return err
	}
	return d.verdict()
}

// A doctor collects checks.
type doctor struct {
	*app
	running *remote.Info // nil when there is none
	checks  []check
}

func (d *doctor) say(name string, state checkState, next, format string, args ...any) {
	d.checks = append(d.checks, check{Name: name, State: state, Says: fmt.Sprintf(format, args...), Next: next})
}

func (d *doctor) configuration() {
	c := d.config
	switch {
	case d.configErr != nil:
		d.say("configuration", checkProblem, "mend it; until then every other command stops with this error", "%v", d.configErr)
	case c.found:
		d.say("configuration", checkOK, "", "read from %s", c.path)
	case c.path == "":
		d.say("configuration", checkOK, "", "no file: this user has no home directory")
	default:
		d.say("configuration", checkOK, "", "no file at %s: defaults and the environment", c.path)
	}
}

func (d *doctor) server(ctx context.Context) {
	info, alive, err := findServer(ctx, d.config.DB)
	switch {
	case err != nil:
		d.say("server", checkProblem, "restart the server with this binary", "%v", err)
	case info == nil:
		d.say("server", checkOK, "to receive traces: slowtoken serve", "none is running on this database: nothing is being received")
	case !alive:
		d.say("server", checkOK, "to receive traces: slowtoken serve",
			"none is running on this database; the last one, pid %d, started %s, did not stop in order", info.PID, stamp(info.Started.Truncate(time.Second)))
	default:
		d.running = info
		d.say("server", checkOK, "", "pid %d, slowtoken %s, running since %s", info.PID, info.Version, stamp(info.Started.Truncate(time.Second)))
		if info.Version != buildVersion() {
			d.say("server", checkWarning, "restart it with this binary when it suits", "it is slowtoken %s and this is %s", info.Version, buildVersion())
		}
	}
}

// An otlpPort is an address to receive OTLP on.
type otlpPort struct {
	protocol, flag string
	expected       string // where applications are told to send
	bound          string // where the running server listens; "" when it does not
}

func (d *doctor) ports() {
	grpc := otlpPort{protocol: "OTLP/gRPC", flag: "--otlp-grpc-endpoint", expected: d.config.Serve.GRPCEndpoint}
	http := otlpPort{protocol: "OTLP/HTTP", flag: "--otlp-http-endpoint", expected: d.config.Serve.HTTPEndpoint}
	if d.running != nil {
		grpc.bound, http.bound = d.running.GRPC, d.running.HTTP
	}
	d.port(grpc)
	d.port(http)
}

func (d *doctor) port(p otlpPort) {
	if p.bound != "" {
		d.say("port", checkOK, "", "%s: the server receives on %s", p.protocol, p.bound)
	}
	port := portOf(p.expected)
	if port == 0 || port == portOf(p.bound) {
		return
	}
	switch {
	case portTaken(p.expected):
		pid, name := portOwner(port)
		d.say("port", checkWarning,
			fmt.Sprintf("if that is a collector, let it send a copy to slowtoken serve %s 127.0.0.1:%d", p.flag, otherPort(port)),
			"%s: %s is taken by %s: what is sent there does not reach slowtoken", p.protocol, p.expected, process(pid, name))
	case d.running != nil:
		d.say("port", checkWarning, "send to where the server receives, or restart it with "+p.flag+" "+p.expected,
			"%s: nobody receives on %s, where applications send unless told otherwise", p.protocol, p.expected)
	default:
		d.say("port", checkOK, "", "%s: %s is free for slowtoken serve", p.protocol, p.expected)
	}
}

// portOf returns the port of host:port, 0 when it is not one.
func portOf(address string) int {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return n
}

// portTaken reports whether nobody else could listen on address.
func portTaken(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return true
	}
	l.Close()
	return false
}

// process names the owner of a port for people.
func process(pid int, name string) string {
	if pid == 0 {
		return "another process"
	}
	return fmt.Sprintf("%s (pid %d)", printable(name), pid)
}

// lowDisk is when a database that grows deserves a word.
const lowDisk = 2 << 30

func (d *doctor) disk() {
	if d.config.DB == "" {
		return // what there is to say, the check of the database says
	}
	dir := existingDir(filepath.Dir(d.config.DB))
	free, err := storage.FreeDisk(dir)
	switch {
	case err != nil:
		d.say("disk", checkWarning, "", "cannot tell the free space of %s: %v", dir, err)
	case free < lowDisk:
		d.say("disk", checkProblem, "make room, or choose another place with --db", "%s has %s free", dir, bytesText(free))
	default:
		d.say("disk", checkOK, "", "%s has %s free", dir, bytesText(free))
	}
}

// existingDir returns dir or the nearest directory above it that exists.
func existingDir(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func bytesText(n uint64) string {
	if n < 10<<30 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}

func (d *doctor) environment() {
	grpcPort, httpPort := portOf(d.config.Serve.GRPCEndpoint), portOf(d.config.Serve.HTTPEndpoint)
	found := checkOTelEnv(d.getenv, strconv.Itoa(grpcPort), strconv.Itoa(httpPort))
	if len(found) == 0 {
		d.say("opentelemetry", checkOK, "", "no OTEL_* variable of this shell stands in the way")
	}
	d.checks = append(d.checks, found...)
}

// surveyWindow and surveySpans bound what doctor reads: the latest spans say what goes wrong now.
const (
	surveyWindow = time.Hour
	surveySpans  = 50_000
)

func (d *doctor) data(ctx context.Context) {
	const nextWithout = "send traces to slowtoken serve, or slowtoken import FILE; slowtoken demo shows what an answer looks like"
	if err := d.config.checkDB(); err != nil {
		d.say("database", checkProblem, hintOf(err), "%v", err)
		return
	}
	if _, err := os.Stat(d.config.DB); errors.Is(err, fs.ErrNotExist) {
		d.say("database", checkEmpty, nextWithout, "there is none yet at %s", d.config.DB)
		return
	}
	db, err := openStore(ctx, d.config, true)
	if err != nil {
		d.say("database", checkProblem, hintOf(err), "%v", err)
		return
	}
	defer db.Close()
	status, err := db.Status(ctx)
	if err != nil {
		d.say("database", checkProblem, "", "%s: %v", d.config.DB, err)
		return
	}
	d.retention(status)
	if status.Spans == 0 {
		d.say("database", checkEmpty, nextWithout, "%s holds no spans", d.config.DB)
		return
	}
	last := time.Unix(0, status.Last)
	metrics := ""
	if status.MetricPoints > 0 {
		metrics = "; beside them " + plural(status.MetricPoints, "metric point")
	}
	d.say("database", checkOK, "", "%s holds %s of %s, the last one received %s ago%s", d.config.DB, plural(status.Spans, "span"),
		plural(status.Traces, "trace"), d.now().Sub(time.Unix(0, status.LastReceived)).Round(time.Second), metrics)
	l, err := d.language()
	if err != nil {
		d.say("mapping", checkProblem, "mend it; until then nothing is analyzed", "%v", err)
		l = language{dialects: dialect.All}
	}
	var spans []analyzer.Span
	for batch, err := range db.Spans(ctx, storage.Query{Since: last.Add(-surveyWindow).UnixNano(), Columns: l.columns()}) {
		if err != nil {
			d.say("database", checkProblem, "", "%s: read spans: %v", d.config.DB, err)
			return
		}
		if spans = append(spans, batch...); len(spans) >= surveySpans {
			break
		}
	}
	survey := newSpanSurvey(d.now())
	survey.look(spans, l.dialects)
	d.checks = append(d.checks, survey.checks(l.dialects)...)
}

// retention says what the server removes and has removed.
func (d *doctor) retention(s storage.Status) {
	gone := fmt.Sprintf("; removed since it started: %s, %s", plural(s.Removed.Traces, "trace"), plural(s.Removed.Points, "metric point"))
	var keeps []string
	if s.Retention.Age > 0 {
		keeps = append(keeps, "what came within the last "+s.Retention.Age.String())
	}
	if s.Retention.Size > 0 {
		keeps = append(keeps, fmt.Sprintf("at most %s (%s are in use)", bytesText(uint64(s.Retention.Size)), bytesText(uint64(s.UsedBytes+s.LogBytes))))
	}
	switch {
	case s.Removed.Failure != "":
		d.say("retention", checkProblem, "", "the server cannot remove what is old: %s%s", s.Removed.Failure, gone)
	case len(keeps) > 0:
		d.say("retention", checkOK, "", "the server keeps %s%s", strings.Join(keeps, " and "), gone)
	case d.running != nil:
		d.say("retention", checkOK, "to bound it: slowtoken serve --retain 7d, or --db-max-size 20GB", "the server keeps everything: %s are in use", bytesText(uint64(s.UsedBytes+s.LogBytes)))
	}
	if free := s.FileBytes - s.UsedBytes; free > s.UsedBytes && free > lowDisk {
		d.say("retention", checkOK, "to give it back to the disk: stop the server, then slowtoken compact", "%s of the file are free for what comes next", bytesText(uint64(free)))
	}
}

// print lists the checks for people.
func (d *doctor) print() error {
	w := tabwriter.NewWriter(d.stdout, 0, 0, 2, ' ', 0)
	for _, c := range d.checks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", d.mark(c.State), c.Name, c.Says)
		if c.Next != "" {
			fmt.Fprintf(w, "%s\t\t-> %s\n", d.mark(""), c.Next)
		}
	}
	return w.Flush()
}

// mark is the first column: the state, coloured on a terminal. Every mark has a colour code, so that tabs line up.
func (d *doctor) mark(state checkState) string {
	colours := map[checkState]string{checkOK: "32", checkWarning: "33", checkProblem: "31", checkEmpty: "33", "": "00"}
	return d.colour(d.stdout, colours[state], string(state))
}

// verdict is the exit code's error.
func (d *doctor) verdict() error {
	has := func(state checkState) bool {
		return slices.ContainsFunc(d.checks, func(c check) bool { return c.State == state })
	}
	switch {
	case has(checkProblem):
		return exitWith(exitFailure)
	case has(checkEmpty):
		return exitWith(exitNoData)
	}
	return nil
}
