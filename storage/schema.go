package storage

import (
	"context"
	"fmt"
	"io/fs"
	"runtime/debug"
	"strconv"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// prepareSchema checks the schema version before anything else is read or changed. A new database gets the whole schema,
// an older one the steps it lacks, in one transaction; a newer one is refused.
func prepareSchema(ctx context.Context, c *conn, files fs.FS, readOnly bool) error {
	list, err := steps(files, "sql/ddl")
	if err != nil {
		return err
	}
	version, facts, err := schemaVersion(ctx, c)
	switch {
	case err != nil:
		return err
	case version > len(list):
		return fmt.Errorf("%w: %d, and this slowtoken knows up to %d; it was written by slowtoken %s: use that version or a later one",
			ErrVersion, version, len(list), facts["written_by"])
	case version < len(list) && readOnly:
		return fmt.Errorf("%w: %d of %d, so it has to be brought up to date first: open it once with a command that writes, such as import or serve",
			ErrVersion, version, len(list))
	case readOnly:
		return nil
	}
	return c.transaction(ctx, func() error {
		for _, s := range list[version:] {
			if err := c.exec(ctx, s.sql); err != nil {
				return fmt.Errorf("bring the schema up to date, %s: %w", s.name, err)
			}
		}
		views, err := steps(files, "sql/view")
		if err != nil {
			return err
		}
		for _, s := range views {
			if err := c.exec(ctx, s.sql); err != nil {
				return fmt.Errorf("make the view %s: %w", s.name, err)
			}
		}
		if version == len(list) {
			return nil
		}
		if err := c.setMeta(ctx, "schema_version", strconv.Itoa(len(list))); err != nil {
			return err
		}
		return c.setMeta(ctx, "written_by", programVersion())
	})
}

// schemaVersion returns 0 for a database without tables.
func schemaVersion(ctx context.Context, c *conn) (version int, facts map[string]string, err error) {
	tables, err := c.texts(ctx, queryTables.text())
	if err != nil || len(tables) == 0 {
		return 0, nil, err
	}
	facts, err = c.meta(ctx)
	if err == nil {
		version, err = strconv.Atoi(facts["schema_version"])
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%w: it has the tables %q and no schema version", ErrForeign, tables)
	}
	return version, facts, nil
}

func (c *conn) meta(ctx context.Context) (map[string]string, error) {
	facts := map[string]string{}
	err := c.each(ctx, func(ch chunk, row int) {
		facts[ch.column(0).text(row)] = ch.column(1).text(row)
	}, queryMeta.text())
	return facts, err
}

func (c *conn) setMeta(ctx context.Context, key, value string) error {
	return c.each(ctx, func(chunk, int) {}, querySetMeta.text(), key, value)
}

// transaction runs f between BEGIN and COMMIT, and rolls back when either fails.
func (c *conn) transaction(ctx context.Context, f func() error) error {
	if err := c.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = c.exec(ctx, "COMMIT")
	}
	if err != nil {
		var res mapping.Result
		mapping.Query(c.c, "ROLLBACK", &res) // what went wrong is told already; there may be nothing to roll back
		mapping.DestroyResult(&res)
	}
	return err
}

// programVersion is the version of the program that this package is part of.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
