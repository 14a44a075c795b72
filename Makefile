# `make` alone says what there is.

SHELL := /bin/bash
FUZZTIME ?= 20s
DEMO_FLAGS ?=
BENCH ?= .
PROTOCOL ?= grpc
SOAK ?= 20m
SOAK_RATE ?= 40000
# The oldest glibc that a release may need: Debian 12, Ubuntu 24.04, Fedora 37.
GLIBC_FLOOR ?= 2.36

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
GOOS := $(shell go env GOOS 2>/dev/null)
GOARCH := $(shell go env GOARCH 2>/dev/null)
BINARY := bin/slowtoken
TOOLS := bin/tools
LDFLAGS := -s -w -X main.version=$(VERSION)
RELEASE := slowtoken-$(VERSION)-$(GOOS)-$(GOARCH)

# On Linux the C++ runtime is linked in, so that the binary runs where there is no compiler. DuckDB's Go bindings name
# -lstdc++ themselves, which makes the compiler ignore -static-libstdc++; a folder that holds only the static library
# and is searched first has the same effect.
ifeq ($(GOOS),linux)
STATIC := $(CURDIR)/bin/static
LDFLAGS += -extldflags "-static-libgcc -L$(STATIC)"
endif

.PHONY: help
help: ## what there is (this list)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: preflight static-runtime ## bin/slowtoken, one binary with the C++ runtime linked in
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/slowtoken

.PHONY: test
test: preflight ## the tests; they need Go and g++ and nothing else
	go test -timeout 20m ./...

.PHONY: race
race: preflight ## the tests with the race detector
	go test -race -timeout 40m ./...

.PHONY: check
check: preflight ## all that CI runs: test, race, lint, conformance, the binary, real servers and clients
	@mkdir -p bin && rm -f bin/stages
	@export STAGES=bin/stages; trap 'echo; echo "Stages:"; cat bin/stages' EXIT; \
	.ci/stage test        $(MAKE) --no-print-directory test && \
	.ci/stage format      $(MAKE) --no-print-directory format-check && \
	.ci/stage vet         go vet ./... && \
	.ci/stage staticcheck $(MAKE) --no-print-directory staticcheck && \
	.ci/stage golangci    $(MAKE) --no-print-directory golangci && \
	.ci/stage race        $(MAKE) --no-print-directory race && \
	.ci/stage conformance $(MAKE) --no-print-directory conformance && \
	.ci/stage build       $(MAKE) --no-print-directory build && \
	.ci/stage glibc       $(MAKE) --no-print-directory glibc-floor && \
	.ci/stage jaeger      $(MAKE) --no-print-directory jaeger-test && \
	.ci/stage clients     $(MAKE) --no-print-directory clients-test && \
	.ci/stage ollama      $(MAKE) --no-print-directory ollama-test && \
	.ci/stage realtruth   $(MAKE) --no-print-directory ground-truth-short && \
	.ci/stage confluence  $(MAKE) --no-print-directory confluence-test && \
	.ci/stage alerts      $(MAKE) --no-print-directory alerts-test && \
	.ci/stage browser     $(MAKE) --no-print-directory browser-test && \
	.ci/stage deploy      $(MAKE) --no-print-directory deploy-test && \
	.ci/stage documents   $(MAKE) --no-print-directory documents-test

.PHONY: conformance
conformance: preflight ## compare with recorded traces of real systems, where ../shared holds them
	@.ci/conformance

.PHONY: ground-truth
ground-truth: preflight ## docs/ground_truth.md: how often the answer is right on simulated systems (minutes)
	go run ./cmd/groundtruth --out docs/ground_truth.md

.PHONY: fuzz
fuzz: preflight ## every fuzz target for FUZZTIME (20s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: fuzz-nightly
fuzz-nightly: ## every fuzz target for 2 minutes
	@$(MAKE) --no-print-directory fuzz FUZZTIME=2m

.PHONY: jaeger-test
jaeger-test: preflight ## fetch from a real Jaeger, which is built first (minutes, once)
	SLOWTOKEN_JAEGER="$$(.ci/jaeger/build)" go test -count=1 -v -run RealJaeger ./ingest/source

.PHONY: ollama
ollama: preflight ## build a pinned Ollama server into the cache (minutes, once), and a small random model
	@.ci/ollama/build
	@go run ./cmd/slowtoken model make --size 5M

.PHONY: ollama-test
ollama-test: build ## the gateway and load on a real Ollama, which is built first; an LLM SDK into serve (needs npm)
	SLOWTOKEN_OLLAMA="$$(.ci/ollama/build)" go test -count=1 -v -run RealOllama ./inference ./inference/load
	@.ci/sdk/run $(BINARY) "$$(.ci/ollama/build)"

.PHONY: ground-truth-real
ground-truth-real: preflight ## docs/ground_truth_real.md: faults on a real Ollama server on the CPU, ten runs each (50 minutes)
	@.ci/realtruth --seed 400 --out docs/ground_truth_real.json --doc docs/ground_truth_real.md

.PHONY: ground-truth-gpu
ground-truth-gpu: preflight ## the same with OLLAMA=FILE, a server with a CUDA backend, and a model of 1B weights, into docs/ground_truth_gpu.md
	@test -n "$(OLLAMA)" || { echo "name a server with a CUDA backend: make ground-truth-gpu OLLAMA=FILE" >&2; exit 1; }
	@.ci/realtruth --device cuda --model 1B --out docs/ground_truth_gpu.json --doc docs/ground_truth_gpu.md

.PHONY: ground-truth-short
ground-truth-short: preflight ## one short run of each fault on a real Ollama server: half of the answers right, no false alarm (3 minutes)
	@REALTIME=no .ci/realtruth --runs 1 --wide 0 --no-whatif --seconds 7 --max-lag 50ms --at-least 0.5

.PHONY: clients-test
clients-test: build ## OpenTelemetry's JavaScript SDK into serve (needs Node.js and npm)
	@.ci/clients/run $(BINARY)

.PHONY: confluence-test
confluence-test: ## somebody else's Confluence client against the fake that ours is tested with (needs Node.js and npm)
	@.ci/confluence/run

.PHONY: alerts-test
alerts-test: ## Prometheus reads the alert rules that reports write, and each fires and stays quiet (builds Prometheus once)
	@.ci/alerts/run

.PHONY: browser-test
browser-test: build ## HTML reports in a real browser: console, network, accessibility (needs npm; chromium is installed as root)
	@.ci/browser/run $(BINARY)

.PHONY: deploy-test
deploy-test: ## what deploy/ holds: read by those who will use it, and the container's steps in a chroot (as root)
	@.ci/deploy/run

.PHONY: documents-test
documents-test: build ## the commands of the documents that need minutes, a real Jaeger or a real Ollama
	SLOWTOKEN_JAEGER="$$(.ci/jaeger/build)" SLOWTOKEN_OLLAMA="$$(.ci/ollama/build)" go test -count=1 -v -timeout 20m -run TestDocumentsForReal ./cmd/slowtoken

.PHONY: kill-rounds
kill-rounds: preflight ## kill -9 a server under load 200 times, and count what it acknowledged (minutes)
	SLOWTOKEN_KILL_ROUNDS=$${SLOWTOKEN_KILL_ROUNDS:-200} go test -count=1 -v -timeout 60m -run TestKillRounds ./cmd/slowtoken

.PHONY: bench
bench: preflight ## the benchmarks: BENCH=regexp chooses, docs/benchmarks.md explains
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count 3 ./...

.PHONY: fixtures
fixtures: ## the traces that examples of rules read (rules/fixtures/traces), simulated anew
	go run ./cmd/tracegen --fixtures rules/fixtures/traces

.PHONY: bench-ingest
bench-ingest: build ## slowtoken and a real Jaeger receive the same traces in turn: spans/s, CPU, memory, acknowledgements
	@.ci/bench-ingest $(BINARY) $(PROTOCOL)

.PHONY: soak
soak: build ## receive for SOAK (20m) at SOAK_RATE (40000) spans/s; memory and acknowledgements must stay flat
	@.ci/soak $(BINARY) $(SOAK) $(SOAK_RATE)

.PHONY: demo
demo: build ## build, make a server slow, say why, mend it: a minute
	$(BINARY) demo $(DEMO_FLAGS)

.PHONY: examples
examples: build ## write docs/examples anew: sample reports in every format, a case study before and after
	@.ci/examples $(BINARY)

.PHONY: docs
docs: ## bin/docs: the documents, each with the day and commit of its last change
	@.ci/docs bin/docs

.PHONY: fmt
fmt: preflight ## format the code
	gofmt -w .

.PHONY: lint
lint: preflight format-check staticcheck golangci ## format, vet, staticcheck, golangci-lint
	go vet ./...

.PHONY: glibc-floor
glibc-floor: ## the oldest glibc that bin/slowtoken runs on
	@.ci/glibc-floor $(BINARY) $(GLIBC_FLOOR)

.PHONY: dist
dist: build glibc-floor ## dist/slowtoken-VERSION-OS-ARCH.tar.gz with its checksum
	@rm -rf dist/$(RELEASE) && mkdir -p dist/$(RELEASE)
	cp $(BINARY) LICENSE README.md dist/$(RELEASE)/
	.ci/docs dist/$(RELEASE)
	.ci/licenses > dist/$(RELEASE)/THIRD-PARTY-LICENSES
	tar -C dist -czf dist/$(RELEASE).tar.gz $(RELEASE)
	cd dist && sha256sum $(RELEASE).tar.gz > $(RELEASE).tar.gz.sha256
	@rm -rf dist/$(RELEASE) && ls -l dist

.PHONY: preflight
preflight:
	@.ci/preflight

.PHONY: static-runtime
static-runtime:
ifdef STATIC
	@mkdir -p $(STATIC) && ln -sf "$$($${CXX:-g++} -print-file-name=libstdc++.a)" $(STATIC)/libstdc++.a
	@test -e $(STATIC)/libstdc++.a || { echo "the static C++ runtime libstdc++.a is missing: apt-get install g++ (Fedora: dnf install libstdc++-static)" >&2; exit 1; }
endif

.PHONY: format-check
format-check:
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt does it):"; echo "$$unformatted"; exit 1; fi

# The linters are pinned in a module of their own, so that the program's dependencies stay its own.
$(TOOLS)/staticcheck: .ci/tools/go.mod .ci/tools/go.sum
	@mkdir -p $(TOOLS)
	go -C .ci/tools build -trimpath -o $(CURDIR)/$(TOOLS)/staticcheck honnef.co/go/tools/cmd/staticcheck

$(TOOLS)/golangci-lint: .ci/tools/go.mod .ci/tools/go.sum
	@mkdir -p $(TOOLS)
	go -C .ci/tools build -trimpath -o $(CURDIR)/$(TOOLS)/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: staticcheck
staticcheck: $(TOOLS)/staticcheck
	$(TOOLS)/staticcheck ./...

.PHONY: golangci
golangci: $(TOOLS)/golangci-lint
	$(TOOLS)/golangci-lint run ./...
