package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func configCommand(a *app) *cobra.Command {
	cmd := section(&cobra.Command{
		Use:     "config",
		Short:   "Show the settings and where they come from",
		GroupID: groupCare,
		Long: `Show the settings and where they come from.

A setting is a flag, else an environment variable (the flag's name in capitals with SLOWTOKEN_ before it: --log-level
is SLOWTOKEN_LOG_LEVEL), else a key of the configuration file, else its default. The file is YAML:

  db: /data/traces.db
  log:
    level: warn
  drop-content: true
  targets:
    ttft-p95: 800ms       # what all requests together should keep; none drops a default one
  slo:
    ttft: 1s              # what each request should keep: gives attainment and goodput
  serve:
    otlp:                 # the settings of the OpenTelemetry collector's OTLP receiver, by their usual names
      protocols:
        grpc:
          endpoint: 0.0.0.0:4317
          tls: {cert_file: server.crt, key_file: server.key}`,
	})
	cmd.AddCommand(configShowCommand(a), configPathCommand(a))
	return cmd
}

// configShowOptions are the flags of config show.
type configShowOptions struct {
	origin bool
	format string
}

func configShowCommand(a *app) *cobra.Command {
	var o configShowOptions
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Print every setting and its value",
		Example: "  slowtoken config show --origin\n  SLOWTOKEN_DB=/tmp/x.db slowtoken config show -o json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.runConfigShow(o) },
	}
	cmd.Flags().BoolVar(&o.origin, "origin", false, "say where each value comes from")
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "text or json: `FORMAT`")
	a.config.addFlags(cmd.Flags(), "settle", "mapping", "drop-content", "memory-limit", "serve.")
	return cmd
}

// A shownSetting is one line of config show.
type shownSetting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

func (a *app) runConfigShow(o configShowOptions) error {
	if err := checkFormat(o.format, "text", "json"); err != nil {
		return err
	}
	var lines []shownSetting
	for _, s := range a.config.list {
		lines = append(lines, shownSetting{s.key, s.shown(), s.origin})
	}
	for _, k := range a.config.receiverKeys {
		value := k.value
		if k.looksSecret() && value != "" {
			value = masked
		}
		lines = append(lines, shownSetting{k.key, value, k.origin()})
	}
	if o.format == "json" {
		return a.printJSON(lines)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		if o.origin {
			fmt.Fprintf(w, "%s\t%s\t%s\n", l.Key, l.Value, l.Origin)
		} else {
			fmt.Fprintf(w, "%s\t%s\n", l.Key, l.Value)
		}
	}
	return w.Flush()
}

func configPathCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print the path of the configuration file, whether or not it exists",
		Example: "  $EDITOR \"$(slowtoken config path)\"",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.config.path == "" {
				return withHint(fmt.Errorf("config: this user has no home directory to keep a configuration in"), "name a file with --config or SLOWTOKEN_CONFIG")
			}
			if !a.config.found {
				a.note("there is no such file yet: every setting has its default or comes from the environment")
			}
			_, err := fmt.Fprintln(a.stdout, a.config.path)
			return err
		},
	}
}
