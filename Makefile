# Two commands are all a fresh machine needs: make run, and make test.
.DEFAULT_GOAL := help
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: run
run: build ## The daemon with the built-in demo, and its dashboard; look on with bin/pawl status
	./bin/pawl run --demo --listen 127.0.0.1:8733

.PHONY: build
build: ## The program, bin/pawl
	CGO_ENABLED=0 go build -o bin/pawl ./cmd/pawl

.PHONY: test
test: ## Every test, more than 1,000 kills with SIGKILL among them
	go test -shuffle=on -count=1 -timeout 30m ./...

# What kills processes, lives through years or counts a million takes long, and minutes with
# the race detector, of code that the others run too.
UNRACED := Killed|LogIsTruncated|KillerInput|AcrossKills|^FuzzInbox|PowerCut|LogThatIsCut|CannotBeRead|^TestAYear|DueAtOnce|FillNoMemory|^TestFailingDisk|JitterIsAHash|NightsOfBerlin|FileStays|RatesDoNotDrift|WhatIsKept

# What waits in real time, or tries every case of something large.
SLOW := TestScripts/(notify|demo|run_locked|operate|doctor|run_hangups|odd|run_stopped|prune|ask_stopped|trigger|claim|run_second_signal)|OutlivesAFailingDisk|RefusedCommittedRequestIsSeen|^TestRelativeWaits|EveryKindOfFile|BesideAnOwner|WaitsForARunThatWaits|UpgradeThatIsCutShort

.PHONY: check
check: ## go vet and the tests that take no time: the loop to work in, below a minute
	go vet ./...
	go test -short -count=1 -vet=off -ldflags=-w -skip '$(UNRACED)|$(SLOW)|^TestSoak$$' ./...

.PHONY: race
race: ## The tests with the race detector, a fifth of the random histories, without those of kills and masses
	go test -race -short -shuffle=on -count=1 -timeout 60m -skip '$(UNRACED)' ./...

.PHONY: torture
torture: ## The fault tests at full size: 10,000 kills, 100,000 power losses; an hour
	PAWL_TORTURE=1 go test -shuffle=on -count=1 -v -timeout 3h . ./internal/torture ./internal/model ./store/... ./engine/...

PAWL_SOAK ?= 5m
.PHONY: soak
soak: ## All of it at once, with faults, for PAWL_SOAK; draws docs/soak.svg
	PAWL_SOAK=$(PAWL_SOAK) PAWL_SOAK_PLOT=$(CURDIR)/docs/soak.svg go test -run '^TestSoak$$' -count=1 -v -timeout 48h ./internal/torture

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, go mod tidy -diff
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go vet ./...
	cd cmd/bench && go vet ./... && go mod tidy -diff && go run $(STATICCHECK) ./...
	cd web/browsertest && go vet ./... && go mod tidy -diff && go run $(STATICCHECK) ./...
	GOOS=windows GOARCH=amd64 go vet ./...
	GOOS=darwin GOARCH=arm64 go vet ./...
	go mod tidy -diff
	go run $(STATICCHECK) ./...

# Skipped, with a word, only where its database cannot be reached.
.PHONY: vuln
vuln: ## govulncheck: known vulnerabilities in what the code calls
	@out=$$(go run $(GOVULNCHECK) ./... 2>&1) || { case "$$out" in \
	*"fetching vulnerabilities"*) echo "SKIPPED govulncheck: its database is out of reach: $$out"; exit 0 ;; \
	esac; echo "$$out"; exit 1; }; echo "$$out"

.PHONY: bench
bench: ## Speed beside the yardstick and other libraries, as Markdown; minutes
	cd cmd/bench && go run .

.PHONY: bench-full
bench-full: ## The same at every size, into docs and README.md; half an hour, 3 GB
	cd cmd/bench && go run . -full -seconds 2 -docs ../../docs -readme ../../README.md

.PHONY: browser
browser: ## The dashboard in a real browser; needs Debian's chromium
	cd web/browsertest && go test -shuffle=on -count=1 -timeout 10m .

.PHONY: shots
shots: ## Pictures of every page of the dashboard and of pawl status, into docs
	TZ=Europe/Berlin PAWL_SHOT=$(CURDIR)/docs/status.svg go test -run '^TestShotOfStatus$$' -count=1 ./cmd/pawl
	cd web/browsertest && PAWL_SHOTS=$(CURDIR)/docs/shots go test -run '^TestPagesOfABusyShop$$' -count=1 .

# A platform is built after the other: each takes a minute of a core. The three of cross have
# every system and every processor, and are those that lint has compiled most of.
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
.PHONY: cross
cross: ## That the program builds for other platforms, without cgo
	set -e; for p in linux/arm64 darwin/arm64 windows/amd64; do CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -o /dev/null ./cmd/pawl; done

.PHONY: dist
dist: man ## Static binaries of all platforms, with manual, shells and checksums, in dist
	set -e; for p in $(PLATFORMS); do \
	os=$${p%/*}; arch=$${p#*/}; name=dist/pawl-$$os-$$arch; case $$os in windows) name=$$name.exe ;; esac; \
	echo $$name; CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags "-s -w" -o $$name ./cmd/pawl; done
	for s in bash zsh fish; do ./bin/pawl completion $$s > dist/pawl.$$s; done
	cd dist && sha256sum pawl-* pawl.* > SHA256SUMS

.PHONY: man
man: build ## The manual page, dist/pawl.1, and the schema of the config
	mkdir -p dist
	./bin/pawl man > dist/pawl.1
	./bin/pawl schema > dist/pawl.schema.json

.PHONY: clean
clean: ## What make build and make dist made and what the demo left
	rm -rf bin dist pawl.db.output pawl.db pawl.db-wal pawl.db-shm pawl.db.lock pawl.db.notify
