# What a person does here: make run, make test, make lint, make build.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: run test lint build tools

run: ## the demo
	$(GO) run ./cmd/hooktender demo

# Everything, on a fresh Debian machine with Go: it installs what the tests need.
# Without GORACE each of their many processes sleeps for a second when it exits.
test: tools lint
	CGO_ENABLED=1 GORACE=atexit_sleep_ms=0 $(GO) test -race -timeout 14m ./...
	$(GO) test ./bench -run Allocations # the race detector would change them

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	GOOS=darwin $(GO) build ./... # the tests are for Linux
	$(GO) run $(STATICCHECK) ./...

# One static binary, without cgo.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/hooktender ./cmd/hooktender

# The race detector needs a C compiler, the examples git, the streamed answers curl.
tools:
	@missing=""; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	command -v git >/dev/null || missing="$$missing git"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	if [ -n "$$missing" ]; then \
		sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -q && $$sudo apt-get install -qy --no-install-recommends $$missing; \
	fi
