package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"slowtoken": main, "duckdb": duckdbMain})
}

// TestScript plays the sessions of testdata/script. Beside testscript's own commands they can say
//
//	freeport NAME...   put a free loopback port into each environment variable
//	await URL          wait until URL answers with 200
//	empty DIR          check that there is nothing in a folder
//	exits CODE PROGRAM ARGUMENT...   run a program that must end with this exit code
//	occupied ADDRESS   wait until something listens on ADDRESS
//	[!] post URL FILE  send FILE as JSON, which must (not) be taken
//	mode FILE PERM     check a file's permission bits, such as 0600
//	says URL TEXT      wait until what URL answers holds TEXT
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               scriptSetup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": scriptFreePort,
			"await":    scriptAwait,
			"empty":    scriptEmpty,
			"exits":    scriptExits,
			"occupied": scriptOccupied,
			"post":     scriptPost,
			"mode":     scriptMode,
			"says":     scriptSays,
		},
	})
}

// scriptSetup keeps the session inside its work directory, whatever the machine's user has set up.
func scriptSetup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	for name, dir := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, "config"), "XDG_DATA_HOME": filepath.Join(home, "data"),
		"XDG_RUNTIME_DIR": filepath.Join(home, "run"),
	} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		env.Setenv(name, dir)
	}
	env.Setenv("TZ", "UTC")
	recording, err := filepath.Abs(filepath.Join("..", "..", "inference", "demo", "recording.otlp.jsonl.gz"))
	env.Setenv("RECORDING", recording) // 297 requests of a simulated engine with 8 slots
	return err
}

func scriptFreePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: freeport NAME...")
	}
	for _, name := range args {
		// All listeners stay open until each has a port, so that no two get the same.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer l.Close()
		ts.Setenv(name, fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	}
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await URL")
	}
	awaitThat(ts, args[0]+" answers with 200", func(ctx context.Context) bool { return answersOK(ctx, args[0]) })
}

func scriptSays(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: says URL TEXT")
	}
	awaitThat(ts, args[0]+" says "+args[1], func(context.Context) bool {
		res, err := http.Get(args[0])
		if err != nil {
			return false
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(text), args[1])
	})
}

func scriptOccupied(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupied ADDRESS")
	}
	awaitThat(ts, "something listens on "+args[0], func(context.Context) bool {
		conn, err := net.Dial("tcp", args[0])
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// awaitThat asks until happened says yes.
func awaitThat(ts *testscript.TestScript, what string, happened func(context.Context) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !happened(ctx) {
		if pause(ctx, 20*time.Millisecond) != nil {
			ts.Fatalf("waited 30 s in vain: %s", what)
		}
	}
}

func scriptPost(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] post URL FILE")
	}
	res, err := http.Post(args[0], "application/json", strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	defer res.Body.Close()
	if taken := res.StatusCode == http.StatusOK; taken == neg {
		ts.Fatalf("%s answered %s", args[0], res.Status)
	}
}

func answersOK(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func scriptEmpty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: empty DIR")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s holds %s", args[0], e.Name())
	}
}

func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE PERM")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%#o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}
