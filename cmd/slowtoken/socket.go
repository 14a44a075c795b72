package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/storage"
	"github.com/slowtoken/slowtoken/storage/remote"
)

// A socketServer answers the other commands, and tells them where through the lock file beside the database.
type socketServer struct {
	stop   context.CancelFunc
	unlock func() error
	done   chan struct{} // closed when serving ended
	err    error         // what it ended with, once done is closed
}

// listenSocket starts to answer for db, which is open for writing. The addresses of OTLP are for the lock file.
func listenSocket(c *config, db *storage.DB, otlp ingest.ServerInfo) (*socketServer, error) {
	listener, err := remote.Listen(c.DB)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background()) // it ends with close, after the receivers
	s := &socketServer{stop: stop, unlock: func() error { return nil }, done: make(chan struct{})}
	go func() {
		s.err = remote.Serve(ctx, listener, db, buildVersion())
		close(s.done)
	}()
	s.unlock, err = remote.WriteLock(c.DB, remote.Info{
		Socket: listener.Addr().String(), Version: buildVersion(), GRPC: otlp.GRPC, HTTP: otlp.HTTP, Admin: otlp.Admin,
	})
	if err != nil {
		s.unlock = func() error { return nil }
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close lets running answers finish for a while. The database must still be open.
func (s *socketServer) close() error {
	err := s.unlock()
	s.stop()
	<-s.done
	return errors.Join(err, s.err)
}

// answerTime is how long a server may take to say that it is there.
const answerTime = 5 * time.Second

// findServer returns what the lock file says of the server that owns a database; alive says that it answers. Without a
// server info is nil. An error says that one answers which this binary cannot talk to.
func findServer(ctx context.Context, db string) (info *remote.Info, alive bool, err error) {
	found, ok := remote.Locate(db)
	if !ok {
		return nil, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	client, err := remote.Dial(ctx, found, buildVersion())
	switch {
	case errors.Is(err, remote.ErrProtocol):
		return &found, true, err
	case err != nil:
		return &found, false, nil // whoever wrote the lock file is gone
	}
	return &found, true, client.Close()
}

// servedMemory is what the database of a server may take unless told: it fills whatever it is given with blocks that it
// has written, and more of them make nothing faster.
const servedMemory = "384MiB"

// leastServedMemory is what it needs: with 64 MB, writing the log into the file found no room after a minute under load,
// and DuckDB gave the database up.
const leastServedMemory = 256 << 20

// openOwned opens the database for the server alone, and refuses when another server has it.
func openOwned(ctx context.Context, c *config) (db *storage.DB, err error) {
	if err := c.checkDB(); err != nil {
		return nil, err
	}
	if size, err := parseSize(cmp.Or(c.MemoryLimit, servedMemory)); err != nil || size < leastServedMemory {
		return nil, usageError("serve: --memory-limit %s: want at least %s, or the database can stop when its log is written into the file",
			c.MemoryLimit, bytesText(leastServedMemory))
	}
	retention, err := c.retention()
	if err != nil {
		return nil, err
	}
	if err := makeDataDir(c.DB); err != nil {
		return nil, err
	}
	err = whileLocked(ctx, c, func() (err error) {
		if info, alive, _ := findServer(ctx, c.DB); alive {
			return withHint(
				fmt.Errorf("serve: pid %d, slowtoken %s, serves %s since %s", info.PID, info.Version, c.DB, stamp(info.Started.Truncate(time.Second))),
				"stop it with kill %d, or serve another database with --db", info.PID)
		}
		db, err = storage.Open(ctx, storage.Options{Path: c.DB, MemoryLimit: cmp.Or(c.MemoryLimit, servedMemory), Retention: retention})
		return err
	})
	return db, err
}
