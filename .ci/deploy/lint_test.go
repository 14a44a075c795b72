// Package deploy checks what deploy/ holds: each file is read by the parser of the system that will use it, and the
// container's steps are run without a container engine.
package deploy

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const root = "../.."

// stages returns the stages of deploy/Dockerfile and what BuildKit's linter says of it.
func stages(t *testing.T) (list []instructions.Stage, warnings []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("deploy/Dockerfile does not parse: %v", err)
	}
	for _, w := range parsed.Warnings {
		warnings = append(warnings, w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, at []parser.Range) {
		line := 0
		if len(at) > 0 {
			line = at[0].Start.Line
		}
		warnings = append(warnings, linter.LintFormatShort(rule, message, line))
	}})
	list, _, err = instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatalf("deploy/Dockerfile: %v", err)
	}
	return list, warnings
}

func TestDockerfileLints(t *testing.T) {
	list, warnings := stages(t)
	for _, w := range warnings {
		t.Errorf("deploy/Dockerfile: %s", w)
	}
	if len(list) != 2 {
		t.Fatalf("%d stages, want one that builds and one that runs", len(list))
	}
}

// Every service that is built uses a Dockerfile that is there, and everything is published on this machine only.
func TestComposeLoads(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "deploy/compose.yaml")}, cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatalf("deploy/compose.yaml: %v", err)
	}
	for _, want := range []string{"slowtoken", "gateway", "ollama", "jaeger", "prometheus"} {
		if _, err := project.GetService(want); err != nil {
			t.Error(err)
		}
	}
	for name, service := range project.Services {
		if service.Build != nil {
			if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
				t.Errorf("service %s is built from what is not there: %v", name, err)
			}
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("service %s publishes port %d on %q, want 127.0.0.1", name, port.Target, port.HostIP)
			}
		}
		for _, volume := range service.Volumes {
			if volume.Type == "bind" {
				if _, err := os.Stat(volume.Source); err != nil {
					t.Errorf("service %s mounts what is not there: %v", name, err)
				}
			}
		}
	}
}

// The manifests hold no field that Kubernetes does not know, and the ports that probes and services name exist.
func TestKubernetesDecodes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "deploy/kubernetes/slowtoken.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var service corev1.Service
	var set appsv1.StatefulSet
	for _, document := range strings.Split(string(text), "\n---\n") {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.Kind {
		case "Service":
			err = yaml.UnmarshalStrict([]byte(document), &service)
		case "StatefulSet":
			err = yaml.UnmarshalStrict([]byte(document), &set)
		default:
			t.Fatalf("no check for a %q", kind.Kind)
		}
		if err != nil {
			t.Fatalf("%s: %v", kind.Kind, err)
		}
	}
	container := set.Spec.Template.Spec.Containers[0]
	named := map[string]int32{}
	for _, port := range container.Ports {
		named[port.Name] = port.ContainerPort
	}
	for _, port := range service.Spec.Ports {
		if named[port.TargetPort.StrVal] != port.Port {
			t.Errorf("the service's port %s goes to %q, which the container does not open", port.Name, port.TargetPort.StrVal)
		}
	}
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.ReadinessProbe, container.LivenessProbe} {
		if named[probe.HTTPGet.Port.StrVal] == 0 {
			t.Errorf("a probe asks port %q, which the container does not open", probe.HTTPGet.Port.StrVal)
		}
	}
	for key, value := range service.Spec.Selector {
		if set.Spec.Template.Labels[key] != value || set.Spec.Selector.MatchLabels[key] != value {
			t.Errorf("the service selects %s=%s, the pods are labelled %v", key, value, set.Spec.Template.Labels)
		}
	}
}

// systemd's own checker reads the unit. It wants the program to exist, so a copy names one that does.
func TestSystemdUnit(t *testing.T) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("systemd-analyze is missing: apt-get install systemd")
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy/systemd/slowtoken.service"))
	if err != nil {
		t.Fatal(err)
	}
	unit := strings.Replace(string(text), "/usr/local/bin/slowtoken", "/bin/true", 1)
	path := filepath.Join(t.TempDir(), "slowtoken.service")
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(verify, "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// A unit with a mistake is seen, so that the check above can fail.
func TestSystemdUnitCheckSees(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wrong.service")
	if err := os.WriteFile(path, []byte("[Service]\nExecStart=/bin/true\nMemmoryMax=1G\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "MemmoryMax") {
		t.Errorf("systemd-analyze says nothing of an unknown setting: %q", out)
	}
}
