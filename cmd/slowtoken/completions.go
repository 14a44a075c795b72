package main

import "github.com/spf13/cobra"

// addCompletions teaches the shells the values of flags that take one of a few, and that only the commands which read
// files take file names.
func addCompletions(cmd *cobra.Command) {
	for flag, values := range map[string][]string{
		"log-level":  logLevels,
		"log-format": logFormats,
		"output":     {"text", "json"},
		"format":     exportFormats,
		"definition": definitionNames(),
	} {
		if cmd.Flags().Lookup(flag) != nil || cmd.PersistentFlags().Lookup(flag) != nil {
			// It fails for a flag that does not exist or has completions, and this one exists and has none.
			_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	if name := cmd.Name(); cmd.ValidArgsFunction == nil && name != "analyze" && name != "import" {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range cmd.Commands() {
		addCompletions(sub)
	}
}
