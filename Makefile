# Everything runs from here: `make demo`, `make test`. `make demo` needs Go 1.26 alone.
# What the tests compare with is installed where it is missing: Debian's packages
# (as root only; tests that lack theirs are skipped) and, in build/venv, Python's.

GO     ?= go
PYTHON ?= python3
BIN    := build/bin
VENV   := build/venv
TORCHVENV := build/torch
TEST   := $(GO) test -vet=off -timeout 30m

# Packages with goroutines of their own: the race detector runs on these, and with the
# tag invariants searches check themselves meanwhile.
RACE   := ./cascade ./serve/... ./zoo ./zoo/importer ./zoo/calibrate ./optimize ./internal/ui ./zoo/inspect ./ingest/... ./infer/...

.DEFAULT_GOAL := help
.PHONY: help build shim demo picture road supernets nat test firsthour lint format vet staticcheck layers vuln unit race purego arm64 generated packages venv s3server python wheel ray pythonvenv fuzz attack bench clean

help: ## Show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## Build build/bin/encas-zoo
	$(GO) build -trimpath -o $(BIN)/ ./cmd/encas-zoo

shim: build ## Compile the library that ingest calls torch through, for the torch of PYTHON
	$(BIN)/encas-zoo shim build --python $(PYTHON)

demo: build ## Build, search an embedded zoo, leave the front in build/demo
	$(BIN)/encas-zoo optimize --zoo cifar10 --out build/demo --force

# Python's packages, the browser and the S3 server are fetched while lint works, and what was
# said of that follows. The unit tests come last, so that their closing lines are at the end. CI may
# run where the database of vulnerabilities cannot be reached; `make vuln` fails there.
test: packages ## Everything CI runs
	@mkdir -p build; $(MAKE) --no-print-directory venv pythonvenv chromium s3server >build/fetched.log 2>&1 & \
	VULN=if-reachable $(MAKE) --no-print-directory lint; status=$$?; \
	wait $$! || status=1; cat build/fetched.log; exit $$status
	@$(MAKE) --no-print-directory arm64 purego generated race firsthour faults python unit

lint: format vet staticcheck layers vuln ## All checks that run no test

format:
	@files=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
	if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) vet -tags purego ./internal/kernel/...

staticcheck: $(BIN)/staticcheck
	$(BIN)/staticcheck ./...

layers:
	scripts/layers

vuln: $(BIN)/govulncheck ## Look the dependencies up in the database of vulnerabilities
	scripts/vuln $(BIN)/govulncheck

unit: venv chromium s3server
	ENCAS_PYTHON=$(CURDIR)/$(VENV)/bin/python ENCAS_TORCH_PYTHON=$$(ls $(CURDIR)/$(TORCHVENV)/bin/python 2>/dev/null) $(TEST) ./...

picture: build ## Draw the picture of README.md, docs/front.svg
	$(BIN)/encas-zoo optimize --zoo cifar10 --min-accuracy 0.7 --out build/picture --force --quiet
	$(BIN)/encas-zoo report build/picture --out docs/front.svg

road: build ## Run published networks over real images, search, certify: docs/road.md
	@if [ -e ../shared/data/cifar10_resnets ]; then $(MAKE) --no-print-directory venv; fi
	ENCAS_PYTHON=$(CURDIR)/$(VENV)/bin/python ENCAS_TORCH_PYTHON=$$(ls $(CURDIR)/$(TORCHVENV)/bin/python 2>/dev/null) scripts/road $(BIN)/encas-zoo build/road

supernets: build ## Search cascades over subnets of two supernets, measure them: docs/supernets.md
	scripts/supernets $(BIN)/encas-zoo build/supernets
	$(GO) run ./benchmarks pools -zoo build/supernets/zoo -out build/supernets
	mkdir -p build/supernets/fronts
	$(GO) run ./benchmarks pools -zoo build/supernets/zoo -list fronts=build/supernets/fronts.txt -list evaluated=build/supernets/evaluated.txt -splits 6 -out build/supernets/fronts

nat: build ## Search subnets of two supernets beside random ones, measure them: docs/nat.md
	scripts/nat $(BIN)/encas-zoo build/nat
	@for family in mobile attentive; do mkdir -p build/nat/$$family; \
	$(GO) run ./benchmarks pools -zoo build/nat/zoo -cascades=false \
		$$(for run in build/nat/$$family-nat-*; do echo -list $$(basename $$run)=$$run/front.txt; done) \
		-list random=build/nat/$$family-random/front.txt -against random -out build/nat/$$family || exit; done
	$(GO) run ./benchmarks pools -zoo build/nat/zoo -list mobile=build/nat/mobile.txt -list attentive=build/nat/attentive.txt -against all -out build/nat
	@if [ -e build/nat/mnist/zoo ]; then $(GO) run ./benchmarks pools -zoo build/nat/mnist/zoo -cascades=false \
		$$(for rate in 0.01 0.1 0.3; do echo -list transfer-$$rate=build/nat/mnist/transfer-$$rate/front.txt; done) \
		-list nothing=build/nat/mnist/nothing/front.txt -against nothing -out build/nat/mnist; fi

# With the packages as the tests have them: -trimpath would compile all of them anew.
firsthour: venv ## Follow the first hour of README.md, word for word
	$(GO) build -o build/firsthour/ ./cmd/encas-zoo
	ENCAS_PYTHON=$(CURDIR)/$(VENV)/bin/python scripts/first-hour build/firsthour

faults: venv ## Run the cases of public reports in ../shared/faults, if they are there
	$(GO) build -o build/faults/ ./cmd/encas-zoo
	scripts/faults build/faults/encas-zoo $$(ls $(CURDIR)/$(TORCHVENV)/bin/python 2>/dev/null)

pythonvenv: # What the wheel is built and tested with, in build/python
	PYTHON=$(PYTHON) scripts/venv build/python/venv python/requirements.txt
	scripts/venv build/python/torch torch python/requirements-torch.txt

python: ## Build the wheel of python/ and run its tests in fresh environments
	PYTHON=$(PYTHON) scripts/python

wheel: ## Build the wheel of python/, to be published, in build/wheels
	PYTHON=$(PYTHON) scripts/python build

# Not a part of test, because it takes minutes to fetch Ray and to start it.
ray: ## Run the tests of the wheel on a local Ray
	scripts/python ray

race:
	$(TEST) -race -tags invariants -short $(RACE)

purego:
	$(TEST) -tags purego -short ./internal/kernel/... ./optimize/...

# Without assembly, as with the tag purego: what holds of the other packages here holds there.
arm64:
	GOARCH=arm64 $(GO) build ./...
	GOARCH=arm64 $(GO) vet ./...
	GO=$(GO) scripts/arm64

generated:
	scripts/generated

packages:
	scripts/debian

venv: ## The Python environment of the cross-checks, in build/venv
	PYTHON=$(PYTHON) scripts/venv $(VENV)
	scripts/venv $(TORCHVENV) torch

chromium: # The browser that looks at the report page; a machine without one skips that test
	@scripts/chromium

s3server: # What zoos are pushed to and pulled from; a machine without one skips that test
	@GO=$(GO) scripts/s3 install

fuzz: ## Run every fuzz target for FUZZTIME (default 30s)
	scripts/fuzz $(or $(FUZZTIME),30s)

# A small part of it runs with the unit tests.
attack: ## Kill, starve and damage the program, with ATTACK_SEED (fifteen minutes, a table at the end)
	ATTACK=$(or $(ATTACK),25) ATTACK_SEED=$(or $(ATTACK_SEED),1) $(GO) test -count=1 -vet=off -timeout 40m -v -run TestAttack ./scripts

# Where no environment can be made, the benchmarks say what they lack and how to get it.
bench: ## Run the benchmark suites (a quarter of an hour), write benchmarks/REPORT.md; flags in BENCHFLAGS
	-@$(MAKE) --no-print-directory venv
	$(GO) run ./benchmarks $(BENCHFLAGS)

clean: ## Remove what was built
	rm -rf build

# The tools' versions are pinned in a module of their own, so that what they
# depend on stays out of the program's.
$(BIN)/staticcheck: tools/go.mod tools/go.sum
	$(GO) build -C tools -o ../$(BIN)/ honnef.co/go/tools/cmd/staticcheck

$(BIN)/govulncheck: tools/go.mod tools/go.sum
	$(GO) build -C tools -o ../$(BIN)/ golang.org/x/vuln/cmd/govulncheck
