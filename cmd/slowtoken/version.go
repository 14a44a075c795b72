package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	duckdb "github.com/duckdb/duckdb-go-bindings"
	"github.com/spf13/cobra"
)

// version is set by the release build: -ldflags "-X main.version=v1.2.3".
var version string

// A buildInfo says what this binary is made of.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"commit_time,omitempty"` // RFC 3339
	Modified bool   `json:"modified,omitempty"`    // built from a tree with changes that are not in the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
	DuckDB   string `json:"duckdb"`
}

func readBuildInfo() buildInfo {
	b := buildInfo{
		Version:  version,
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		DuckDB:   duckdb.LibraryVersion(),
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// buildVersion returns the version in one word; "(devel)" for a build that nobody released.
func buildVersion() string { return cmp.Or(readBuildInfo().Version, "(devel)") }

// versionOptions are the flags of version.
type versionOptions struct{ format string }

func versionCommand(a *app) *cobra.Command {
	var o versionOptions
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version and what it was built with",
		Example: "  slowtoken version\n  slowtoken version -o json",
		GroupID: groupCare,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.runVersion(o) },
	}
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "text or json: `FORMAT`")
	return cmd
}

func (a *app) runVersion(o versionOptions) error {
	if err := checkFormat(o.format, "text", "json"); err != nil {
		return err
	}
	b := readBuildInfo()
	b.Version = buildVersion()
	if o.format == "json" {
		return a.printJSON(b)
	}
	fmt.Fprintf(a.stdout, "slowtoken %s\n", b.Version)
	if b.Commit != "" {
		modified := ""
		if b.Modified {
			modified = ", modified"
		}
		fmt.Fprintf(a.stdout, "commit    %s of %s%s\n", b.Commit, b.Time, modified)
	}
	_, err := fmt.Fprintf(a.stdout, "go        %s %s\nduckdb    %s\n", b.Go, b.Platform, b.DuckDB)
	return err
}
