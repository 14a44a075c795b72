package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/storage"
)

func compactCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "compact",
		Short:   "Give the free space of the database back to the disk",
		GroupID: groupCare,
		Long: `Rewrites the database so that its file holds nothing but what is in use. What --retain and --db-max-size remove is used
again by what comes next, so this is needed only after much was removed for good.

No server may run on the database. Meanwhile other commands can read it; what is in use takes its space twice. A kill at
any moment leaves either the old file or the new one, whole.`,
		Example: "  slowtoken compact",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runCompact(cmd.Context()) },
	}
	a.config.addFlags(cmd.Flags(), "memory-limit")
	return cmd
}

func (a *app) runCompact(ctx context.Context) error {
	c := a.config
	if err := c.checkDB(); err != nil {
		return err
	}
	privateFiles()
	var done storage.Compaction
	err := whileLocked(ctx, c, func() (err error) {
		if info, alive, _ := findServer(ctx, c.DB); alive {
			return withHint(fmt.Errorf("compact: the server with pid %d has %s open", info.PID, c.DB),
				"stop it with kill %d, compact, and start it again: senders keep what they have until then", info.PID)
		}
		done, err = storage.Compact(ctx, storage.Options{Path: c.DB, MemoryLimit: c.MemoryLimit}, func(step string) { a.log.Debug("compact", "step", step) })
		return err
	})
	if errors.Is(err, storage.ErrNotExist) {
		return &exitError{code: exitNoData, err: fmt.Errorf("compact: there is no database at %s", c.DB)}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %s with %s, %s before\n", c.DB, bytesText(uint64(done.After)), plural(done.Spans, "span"), bytesText(uint64(done.Before)))
	return nil
}
