package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// bases are the images that the Dockerfile starts from, as Debian packages beside the base system.
var bases = map[string][]string{
	"golang:1.26-bookworm": {"ca-certificates", "g++", "gcc", "git", "libc6-dev", "make"},
	"debian:bookworm-slim": nil,
}

// A container is a root file system with what the Dockerfile has said of it so far.
type container struct {
	root       string
	env        []string
	dir        string
	user       string
	entrypoint []string
	command    []string
}

// The steps of deploy/Dockerfile run in root file systems made by debootstrap, and the service that comes out answers,
// stores in its volume, and stops when told.
func TestContainerSteps(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("running the container's steps needs root, for chroot and mount")
	}
	list, _ := stages(t)
	done := map[string]*container{}
	var last *container
	for _, stage := range list {
		last = base(t, stage.BaseName)
		for _, step := range stage.Commands {
			t.Logf("%s", step)
			if err := last.do(step, done); err != nil {
				t.Fatalf("%v: %v", step, err)
			}
		}
		done[stage.Name] = last
	}
	last.serve(t)
}

// base returns a fresh container of an image. The base system is made once and kept in the user's cache.
func base(t *testing.T, image string) *container {
	t.Helper()
	packages, ok := bases[image]
	if !ok {
		t.Fatalf("no way known to make the image %s without an engine", image)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(cache, "slowtoken", "root-"+strings.ReplaceAll(image, ":", "-"))
	if _, err := os.Stat(kept); errors.Is(err, os.ErrNotExist) {
		part := kept + ".part"
		if err := os.RemoveAll(part); err != nil {
			t.Fatal(err)
		}
		arguments := []string{"--variant=minbase"}
		if len(packages) > 0 {
			arguments = append(arguments, "--include="+strings.Join(packages, ","))
		}
		run(t, exec.Command("debootstrap", append(arguments, "bookworm", part)...))
		if err := os.Rename(part, kept); err != nil {
			t.Fatal(err)
		}
	}
	fresh := t.TempDir()
	run(t, exec.Command("cp", "-a", kept+"/.", fresh))
	c := &container{root: fresh, dir: "/", env: []string{"PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	c.mount(t, "/dev", "/dev")
	c.mount(t, "/proc", "/proc")
	if strings.HasPrefix(image, "golang:") {
		c.mount(t, runtime.GOROOT(), "/usr/local/go") //nolint:staticcheck // the toolchain that runs this test
		for name, inside := range map[string]string{"GOMODCACHE": "/root/go/pkg/mod", "GOCACHE": "/root/.cache/go-build"} {
			c.mount(t, strings.TrimSpace(run(t, exec.Command("go", "env", name))), inside)
		}
		// Modules come out of the host's cache: which certificates the host trusts is not known inside.
		run(t, exec.Command("go", "-C", root, "mod", "download"))
		c.env = append(c.env, "GOPROXY=file:///root/go/pkg/mod/cache/download", "GOFLAGS="+strings.TrimSpace(run(t, exec.Command("go", "env", "GOFLAGS"))))
	}
	return c
}

// mount shows a folder of the host inside, until the test ends.
func (c *container) mount(t *testing.T, folder, inside string) {
	t.Helper()
	target := filepath.Join(c.root, inside)
	if err := os.MkdirAll(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(folder, target, "", syscall.MS_BIND, ""); err != nil {
		t.Fatalf("mounting %s: %v", folder, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(target, 0); err != nil {
			t.Errorf("unmounting %s: %v", target, err)
		}
	})
}

// do carries out one instruction. done are the stages that came before.
func (c *container) do(step instructions.Command, done map[string]*container) error {
	switch step := step.(type) {
	case *instructions.WorkdirCommand:
		c.dir = path.Join(c.dir, step.Path)
		return os.MkdirAll(filepath.Join(c.root, c.dir), 0o755)
	case *instructions.ArgCommand:
		for _, arg := range step.Args {
			if arg.Value != nil {
				c.env = append(c.env, arg.Key+"="+*arg.Value)
			}
		}
	case *instructions.EnvCommand:
		for _, pair := range step.Env {
			c.env = append(c.env, pair.Key+"="+pair.Value)
		}
	case *instructions.CopyCommand:
		return c.copy(step, done)
	case *instructions.RunCommand:
		cmd := c.cmd(context.Background(), []string{"/bin/sh", "-c", strings.Join(step.CmdLine, " ")})
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	case *instructions.UserCommand:
		c.user = step.User
	case *instructions.EntrypointCommand:
		c.entrypoint = step.CmdLine
	case *instructions.CmdCommand:
		c.command = step.CmdLine
	case *instructions.VolumeCommand, *instructions.ExposeCommand, *instructions.StopSignalCommand:
	default:
		return fmt.Errorf("the step %s is not known here", step.Name())
	}
	return nil
}

// copy copies from a stage or, without one, from the repository: what git would keep.
func (c *container) copy(step *instructions.CopyCommand, done map[string]*container) error {
	from := root
	if step.From != "" {
		from = done[step.From].root
	}
	into := step.DestPath
	if !path.IsAbs(into) {
		into = path.Join(c.dir, into)
	}
	target := filepath.Join(c.root, into)
	for _, source := range step.SourcePaths {
		if source == "." {
			script := `git -C "$1" ls-files -z --cached --others --exclude-standard | (cd "$1" && tar --null --ignore-failed-read -T - -c) | tar -x -C "$2"`
			if out, err := exec.Command("bash", "-o", "pipefail", "-c", script, "copy", from, target).CombinedOutput(); err != nil {
				return fmt.Errorf("copying the repository: %w\n%s", err, out)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if out, err := exec.Command("cp", "-a", filepath.Join(from, source), target).CombinedOutput(); err != nil {
			return fmt.Errorf("copying %s: %w\n%s", source, err, out)
		}
	}
	return nil
}

// cmd returns a command that runs inside, as the container's user.
func (c *container) cmd(ctx context.Context, arguments []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/usr/sbin/chroot", append([]string{c.root, "/usr/bin/env", "-C", c.dir}, arguments...)...)
	if c.user != "" {
		cmd.Args = append([]string{"chroot", "--userspec=" + c.user + ":" + c.user}, cmd.Args[1:]...)
	}
	cmd.Env = append([]string{"HOME=/root"}, c.env...)
	return cmd
}

// serve starts the container on free ports, waits until it is ready, asks it from inside, and stops it.
func (c *container) serve(t *testing.T) {
	t.Helper()
	var ports [3]string
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = "127.0.0.1:" + strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
		listener.Close()
	}
	c.env = append(c.env, "HOME=/var/lib/slowtoken", "SLOWTOKEN_OTLP_GRPC_ENDPOINT="+ports[0],
		"SLOWTOKEN_OTLP_HTTP_ENDPOINT="+ports[1], "SLOWTOKEN_ADMIN_ENDPOINT="+ports[2])
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var log bytes.Buffer
	server := c.cmd(ctx, append(c.entrypoint, c.command...))
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		answer, err := http.Get("http://" + ports[2] + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				break
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("the service did not get ready: %v\n%s", err, log.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
	// Asked while nothing was received yet, it finds the server and says that there is no data: exit status 4.
	doctor := c.cmd(ctx, append(c.entrypoint, "doctor"))
	out, _ := doctor.CombinedOutput()
	if doctor.ProcessState.ExitCode() != 4 || !bytes.Contains(out, []byte("the server receives on "+ports[0])) {
		t.Errorf("slowtoken doctor inside: %v\n%s", doctor.ProcessState, out)
	}
	if _, err := os.Stat(filepath.Join(c.root, "var/lib/slowtoken/slowtoken.db")); err != nil {
		t.Errorf("the database is not in the volume: %v", err)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("stopping it: %v\n%s", err, log.String())
	}
}

// run runs a command of the host and returns what it prints.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, errs.String())
	}
	return string(out)
}
