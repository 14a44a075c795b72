package ollama

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// ServerConfig says how to run an Ollama server.
type ServerConfig struct {
	Binary string // of ollama
	// Parallel is how many requests it computes at once (OLLAMA_NUM_PARALLEL), Context how many tokens each may have
	// (OLLAMA_CONTEXT_LENGTH; 0 leaves it to Ollama).
	Parallel, Context int
	Models            string // folder of the models (OLLAMA_MODELS); "" leaves it to Ollama
	Home              string // folder for what Ollama keeps of itself (HOME); "" leaves it
	Log               string // file that its log is added to, with debug lines
}

// A Server is an Ollama server that this process started.
type Server struct {
	URL    *url.URL
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // how it ended; read after exited is closed
}

const (
	startTime = 60 * time.Second // until it answers; the first start of a day on a GPU looks for devices
	stopTime  = 10 * time.Second // from SIGTERM until it is killed
)

// Start starts a server on a free port of this machine and waits until it answers. It ends with [Server.Stop], and on
// Linux also when this process ends in whatever way.
func Start(ctx context.Context, c ServerConfig) (_ *Server, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("start %s: %w", c.Binary, err)
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	listener.Close() // Ollama takes no open socket, only an address
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has its own

	s := &Server{URL: &url.URL{Scheme: "http", Host: address}, log: c.Log, exited: make(chan struct{})}
	s.cmd = exec.Command(c.Binary, "serve")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Env = append(os.Environ(), "OLLAMA_HOST="+address, "OLLAMA_DEBUG=1", "OLLAMA_NUM_PARALLEL="+strconv.Itoa(c.Parallel))
	for name, value := range map[string]string{"OLLAMA_MODELS": c.Models, "HOME": c.Home} {
		if value != "" {
			s.cmd.Env = append(s.cmd.Env, name+"="+value)
		}
	}
	if c.Context > 0 {
		s.cmd.Env = append(s.cmd.Env, "OLLAMA_CONTEXT_LENGTH="+strconv.Itoa(c.Context))
	}
	if err := runTied(s.cmd, s.exited, &s.err); err != nil {
		return nil, err
	}
	if err := s.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL.JoinPath("/api/version").String(), nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.exited:
			return fmt.Errorf("it ended (%w) before it answered; its log is %s", s.err, s.log)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer on %s (%w); its log is %s", s.URL, ctx.Err(), s.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Create makes the model that a Modelfile describes known to the server.
func (s *Server) Create(ctx context.Context, model, modelfile string) error {
	cmd := exec.CommandContext(ctx, s.cmd.Path, "create", model, "-f", modelfile)
	cmd.Env = append(s.cmd.Env, "OLLAMA_HOST="+s.URL.Host)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("create the model %s from %s: %w: %s", model, modelfile, err, bytes.TrimSpace(said))
	}
	return nil
}

// Exited is closed when the server has ended, whether it was stopped or not.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Stop ends the server and its runners, by SIGTERM, and after 10 s by SIGKILL.
func (s *Server) Stop() error {
	select {
	case <-s.exited:
		return s.err
	default:
	}
	if err := s.cmd.Process.Signal(stopSignal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop Ollama: %w", err)
	}
	select {
	case <-s.exited:
	case <-time.After(stopTime):
		killAll(s.cmd.Process)
		<-s.exited
		return fmt.Errorf("stop Ollama: it did not end within %s and was killed", stopTime)
	}
	var ended *exec.ExitError
	if errors.As(s.err, &ended) && (ended.ExitCode() == 1 || signalled(ended)) { // how it ends when it is told to
		return nil
	}
	return s.err
}

// Pause stops the server and its runners where they stand, as a full machine or a debugger does, for so long. Connections
// stay open, and nothing is answered meanwhile. It works where processes have groups: elsewhere it is an error.
func (s *Server) Pause(d time.Duration) error {
	if err := freeze(s.cmd.Process); err != nil {
		return fmt.Errorf("pause Ollama: %w", err)
	}
	time.Sleep(d)
	if err := thaw(s.cmd.Process); err != nil {
		return fmt.Errorf("let Ollama go on: %w", err)
	}
	return nil
}

// Log reads the events of the server's log so far.
func (s *Server) Log() ([]LogEvent, error) {
	f, err := os.Open(s.log)
	if err != nil {
		return nil, fmt.Errorf("read Ollama's log: %w", err)
	}
	defer f.Close()
	return ReadLog(f)
}

// Weights returns when the server copied weights to a GPU within [from, to], in nanoseconds since the Unix epoch, as far
// as its log tells.
func (s *Server) Weights(from, to int64) (start, end int64, ok bool) {
	list, err := s.Log()
	if err != nil {
		return 0, 0, false
	}
	for _, e := range list {
		switch {
		case e.Kind == AtWeights && e.OnGPU && e.Time >= from:
			start = e.Time
		case e.Kind == AtLoaded && start != 0 && e.Time <= to:
			return start, e.Time, true
		}
	}
	return 0, 0, false
}

// signalled reports whether a process was ended by the signal that asks it to.
func signalled(e *exec.ExitError) bool {
	status, ok := e.Sys().(syscall.WaitStatus)
	return ok && endedBy(status)
}
