package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/slowtoken/slowtoken/storage"
)

// Info is what the lock file beside a database says of the server that owns it.
type Info struct {
	PID      int       `json:"pid"`
	Socket   string    `json:"socket"` // absolute
	Protocol int       `json:"protocol"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	GRPC     string    `json:"otlp_grpc,omitempty"` // host:port
	HTTP     string    `json:"otlp_http,omitempty"`
	Admin    string    `json:"admin,omitempty"`
}

// LockPath is where the lock file of a database is.
func LockPath(database string) string { return resolve(database) + ".lock" }

// resolve gives one name to a database that is reached by several paths.
func resolve(database string) string {
	if real, err := filepath.EvalSymlinks(database); err == nil {
		database = real
	}
	if full, err := filepath.Abs(database); err == nil {
		database = full
	}
	return database
}

// WriteLock writes the lock file for this process, in place of one that an owner left behind: call it when the database
// is open, for only then is it known that no other owner lives. The returned function removes it, unless another process
// took its place.
func WriteLock(database string, info Info) (remove func() error, err error) {
	info.PID, info.Protocol, info.Started = os.Getpid(), Protocol, time.Now()
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return nil, err
	}
	path := LockPath(database)
	if err := replaceFile(path, append(data, '\n')); err != nil {
		return nil, fmt.Errorf("write the lock file: %w", err)
	}
	return func() error {
		now, found := Locate(database)
		if !found || now.PID != info.PID || !now.Started.Equal(info.Started) {
			return nil
		}
		return os.Remove(path)
	}, nil
}

// replaceFile writes a file that nobody ever sees half-written.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Locate reads the lock file of a database. It does not say whether the server still lives: [Dial] does.
func Locate(database string) (info Info, found bool) {
	data, err := os.ReadFile(LockPath(database))
	if err != nil || json.Unmarshal(data, &info) != nil || info.Socket == "" {
		return Info{}, false
	}
	return info, true
}

// maxSocketPath is the longest path of a unix socket on every system that slowtoken runs on: Linux takes 107 bytes,
// macOS 103.
const maxSocketPath = 103

// Listen opens the socket for the server of a database: beside the database, or, where that path is too long or the file
// system has no sockets, in a new folder under XDG_RUNTIME_DIR or the folder for temporary files. At no moment can
// another user connect. Closing the listener removes the socket; do that before closing the database, when no other
// server can have put its own there.
func Listen(database string) (net.Listener, error) {
	listener, err := listenAt(resolve(database) + ".sock")
	if err == nil {
		return listener, nil
	}
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	if runtime == "" {
		runtime = os.TempDir()
	}
	folder, mkErr := os.MkdirTemp(runtime, "slowtoken-") // mode 0700
	if mkErr == nil {
		if listener, mkErr = listenAt(filepath.Join(folder, "sock")); mkErr == nil {
			return &socket{Listener: listener, folder: folder}, nil
		}
		mkErr = errors.Join(mkErr, os.Remove(folder))
	}
	return nil, fmt.Errorf("open a socket for other slowtoken commands, beside the database or under %s "+
		"(set XDG_RUNTIME_DIR to a short path): %w", runtime, errors.Join(err, mkErr))
}

// listenAt binds in a private folder and moves the socket out when its mode is right: a socket is born with the mode
// that the umask leaves, and the umask belongs to the whole process. A socket that a dead server left is replaced.
func listenAt(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path %s has more than the %d bytes that a socket may have", path, maxSocketPath)
	}
	private, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	born := filepath.Join(private, "s")
	if len(born) > maxSocketPath {
		return nil, fmt.Errorf("the path %s has more than the %d bytes that a socket may have", born, maxSocketPath)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: born, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // it would look for the name that the socket was born with
	err = os.Chmod(born, 0o600)
	if err == nil {
		err = os.Rename(born, path)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &socket{Listener: listener, path: path}, nil
}

// A socket knows where it was moved to and removes itself there.
type socket struct {
	net.Listener
	path   string
	folder string // to remove as well
}

func (s *socket) Addr() net.Addr {
	if s.path == "" {
		return s.Listener.Addr()
	}
	return &net.UnixAddr{Name: s.path, Net: "unix"}
}

func (s *socket) Close() error {
	err := s.Listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	if s.path != "" {
		err = errors.Join(err, os.Remove(s.path))
	}
	if s.folder != "" {
		err = errors.Join(err, os.Remove(s.folder))
	}
	return err
}

// Open gives access to a database: through the server that owns it, when there is one, else to the file itself. The
// version is the caller's own.
func Open(ctx context.Context, o storage.Options, version string) (Store, error) {
	return openWithin(ctx, o, version, startingTime)
}

// openWithin is [Open] with another patience.
func openWithin(ctx context.Context, o storage.Options, version string, patience time.Duration) (Store, error) {
	var dialErr error
	deadline := time.Now().Add(patience)
	for {
		info, found := Locate(o.Path)
		if found {
			client, err := Dial(ctx, info, version)
			if err == nil {
				return client, nil
			}
			if errors.Is(err, ErrProtocol) || ctx.Err() != nil {
				return nil, err
			}
			dialErr = err
		}
		db, err := storage.Open(ctx, o)
		if err == nil {
			return db, nil
		}
		if !errors.Is(err, storage.ErrLocked) {
			return nil, err
		}
		if !time.Now().Before(deadline) {
			return nil, lockedError(err, found, dialErr)
		}
		// The owner may be a server that is starting, which opens the file before the socket, or one that is stopping.
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startingTime is how long a server may take from locking the file to listening.
const startingTime = 3 * time.Second

func lockedError(err error, found bool, dialErr error) error {
	if found {
		return fmt.Errorf("%w; the server that the lock file names does not answer (%w): stop that process, or wait until it is ready", err, dialErr)
	}
	return fmt.Errorf("%w; and its owner is no slowtoken server, so it cannot be asked: close the other program (a duckdb shell, "+
		"an import that runs) and try again", err)
}
