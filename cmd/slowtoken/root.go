package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// An app is one run of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string         // as os.Environ gives it
	now            func() time.Time // time.Now when nil

	config *config      // loaded before a command runs
	log    *slog.Logger // set before a command runs

	configPath string // --config
	configErr  error  // what is wrong with the configuration; only doctor runs in spite of it
	started    bool   // a command runs: what fails from now on is no longer a matter of usage
}

func (a *app) getenv(name string) string {
	for i := len(a.environ) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(a.environ[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// run carries out one command line and returns its exit code. An interrupt or SIGTERM ends ctx.
func run(ctx context.Context, a app, args []string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks the command to end; from then on signals have their usual effect, so that a second one
	// ends the program at once.
	context.AfterFunc(ctx, stop)

	root := rootCommand(&a)
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		section(completion) // which refuses the name of a shell that there is no script for
	}
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.started && exitCode(err) == exitFailure {
		err = withHint(usageError("%w", err), "slowtoken --help lists the commands and their flags")
	}
	if err != nil {
		a.complain(err)
	}
	return exitCode(err)
}

// toleratesConfig is the annotation of a command that runs even when the configuration is wrong.
const toleratesConfig = "tolerates configuration"

// The groups that help lists commands in.
const (
	groupAnswer = "answer"
	groupInput  = "input"
	groupCare   = "care"
)

// rootCommand makes the whole command tree.
func rootCommand(a *app) *cobra.Command {
	if a.now == nil {
		a.now = time.Now
	}
	a.config = newConfig(a.getenv)
	a.config.waiting = func(db, holder string) { a.note("waiting for %s, which has %s open", holder, db) }
	root := section(&cobra.Command{
		Use:   "slowtoken",
		Short: "Say why LLM tokens are slow, from traces",
		Long: `slowtoken says why the tokens of an LLM service are slow, from the traces that the service already sends.

Exit codes: 0 ok, 1 failure, 2 wrong usage or configuration, 3 a finding at --fail-on, 4 no data.`,
		Example: `  slowtoken demo                         # see an answer, in a minute, without any setup
  slowtoken analyze traces.json          # explain a file of traces
  slowtoken serve &                      # receive OTLP on 127.0.0.1:4317 and :4318
  slowtoken analyze --since 1h           # explain the last hour`,
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			_, tolerates := cmd.Annotations[toleratesConfig]
			if a.configErr = a.configure(); a.configErr != nil && !tolerates {
				return a.configErr
			}
			a.started = true
			return nil
		},
	})
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetVersionTemplate("slowtoken {{.Version}}\n")
	root.PersistentFlags().StringVar(&a.configPath, "config", "", "configuration `FILE` (default $XDG_CONFIG_HOME/slowtoken/config.yaml)")
	a.config.addFlags(root.PersistentFlags(), "db", "log.level", "log.format")
	root.AddGroup(
		&cobra.Group{ID: groupAnswer, Title: "Answers:"},
		&cobra.Group{ID: groupInput, Title: "Traces in and out:"},
		&cobra.Group{ID: groupCare, Title: "Looking after it:"},
	)
	root.SetHelpCommandGroupID(groupCare)
	root.SetCompletionCommandGroupID(groupCare)
	root.AddCommand(commands(a)...)
	addCompletions(root)
	return root
}

// commands lists every command.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		analyzeCommand(a),
		reportCommand(a),
		compareCommand(a),
		whatIfCommand(a),
		traceCommand(a),
		rulesCommand(a),
		demoCommand(a),
		importCommand(a),
		pullCommand(a),
		serveCommand(a),
		gatewayCommand(a),
		loadtestCommand(a),
		exportCommand(a),
		compactCommand(a),
		doctorCommand(a),
		modelCommand(a),
		configCommand(a),
		versionCommand(a),
	}
}

// section makes cmd a command that only holds others: help without arguments, a usage error with an unknown one.
func section(cmd *cobra.Command) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		err := usageError("unknown command %q", strings.TrimPrefix(cmd.CommandPath()+" "+args[0], "slowtoken "))
		if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
			return withHint(err, "did you mean %s %s?", cmd.CommandPath(), strings.Join(similar, " or "))
		}
		return withHint(err, "%s --help lists the commands", cmd.CommandPath())
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.DisableFlagsInUseLine = true
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// configure loads the settings and starts the log.
func (a *app) configure() error {
	strays, err := a.config.load(a.configPath, a.environ, a.getenv)
	a.log = newLogger(a.stderr, a.config.LogLevel, a.config.LogFormat)
	if err != nil {
		return err
	}
	for _, name := range strays {
		a.log.Warn("the environment has a variable that is no setting", "name", name)
	}
	return nil
}

func newLogger(w io.Writer, level, format string) *slog.Logger {
	var o slog.HandlerOptions
	switch level {
	case "debug":
		o.Level = slog.LevelDebug
	case "warn":
		o.Level = slog.LevelWarn
	case "error":
		o.Level = slog.LevelError
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, &o))
	}
	return slog.New(slog.NewTextHandler(w, &o))
}
