# Everything that CI does, and what takes longer than CI may.
GO         ?= go
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
MODULES     = $(shell $(GO) work edit -json | $(GO) run ./internal/tools/modules)
PLATFORMS   = linux/arm64 darwin/arm64 windows/amd64
FUZZTIME   ?= 30s
TIME       ?= 1m

.PHONY: check check-module test test-whole test-servers test-processes example-etl bench fuzz soak cover

## check: formatting, vet, staticcheck, modernizers, tidy, architecture, other platforms
check:
	@for m in $(MODULES); do echo "== $$m"; $(MAKE) --no-print-directory -C $$m -f $(CURDIR)/Makefile check-module || exit 1; done
	GOWORK=off $(GO) vet ./...
	$(GO) test -count=1 ./internal/archtest
	@set -e; for p in $(PLATFORMS); do echo "== $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} GOWORK=off $(GO) build ./...; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} GOWORK=off $(GO) vet ./...; done

# check-module: what check does in each module
check-module:
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "not gofmt-clean: $$files"; exit 1; }
	@$(GO) vet ./...
	@$(STATICCHECK) ./...
	@fix=$$($(GO) fix -diff ./... 2>&1 || true); [ -z "$$fix" ] || { echo "$$fix"; exit 1; }
	@GOWORK=off $(GO) mod tidy -diff

# The memory of tiers is Go heap under the race detector, and is let go by cleanups, one collection late: without a limit the heap grows with each
# node that the tests open, to more than a machine of 24 GB has.
# check vets what test need not.
RACE = GOMEMLIMIT=2GiB $(GO) test -race -vet=off -timeout 25m
WHOLE_TEST = $(GO) test -vet=off
# What runs without the race detector, too, and there as a whole: random runs, crashes, and sums of one goroutine, which are a tenth or nothing under
# it; memory off the heap, which it does not see, and how much is taken, to which it adds.
WHOLE_RUNS = ^Test(Metamorphic.*|LinearizableNodes|CrashedNode|LyingDisk|Kill|SyncOfManyObjects|FailingDisk|PersistNeverGivesUp|ToldOfACutOffChange.*)$$
JOURNAL_RUNS = FounderDies|GrowTo20AndShrinkTo1|ChangesAreLinearizable|TestFailover$$
WHOLE      = ./internal/offheap ./internal/inodes ./internal/xcopy ./internal/memtest ./internal/policy ./internal/traces ./internal/racetest \
             ./peer/internal/ring ./tier/internal/arena

# test-whole: what of test runs without the race detector
test-whole:
	@bad=0; \
	$(WHOLE_TEST) -timeout 15m -v -run '$(WHOLE_RUNS)' ./cachefs || bad=1; \
	$(WHOLE_TEST) -timeout 10m -v -run 'ManyNodes|StoreSendsEachByteOnce' ./cachefs/cachefstest ./peer || bad=1; \
	$(WHOLE_TEST) -timeout 10m -v -run '$(JOURNAL_RUNS)' ./journal || bad=1; \
	$(WHOLE_TEST) -timeout 10m -run 'SmallReadAllocates' ./peer/internal/link || bad=1; \
	$(WHOLE_TEST) -timeout 10m ./tier ./tier/internal/disk -crash.points 0 || bad=1; \
	$(WHOLE_TEST) -timeout 10m $(WHOLE) || bad=1; \
	exit $$bad

## test: all tests that need no root and no server, with the race detector, and beside it what runs without; that prints its seeds, faults and figures
test:
	@log=$$(mktemp); $(MAKE) --no-print-directory test-whole >$$log 2>&1 & whole=$$!; bad=0; \
	for m in $(MODULES); do echo "== $$m"; (cd $$m && $(RACE) ./...) || { bad=1; break; }; done; \
	echo "== without the race detector"; \
	wait $$whole || { bad=1; cat $$log; }; grep -E ' (seeds|histories) from |kills, | primaries killed, | changes acknowledged, |nodes (have|know)|idle node|each takes|^(ok|FAIL)' $$log | sed 's/^ *//'; rm -f $$log; exit $$bad

## test-servers: drivers against real servers, fetched and started by internal/servers; STORES="s3"
test-servers:
	$(GO) run ./internal/tools/testservers $(STORES)

## example-etl: the embedded ETL job over an S3 server that is fetched, started and stopped; it shuffles more than its memory holds
example-etl:
	cd examples/etl && $(GO) build -o /dev/null .
	internal/servers/versitygw.sh run sh -c 'mkdir "$$MILLPOND_S3_DATA/etl" && cd examples/etl && \
		exec $(GO) run . -generate 1000000 -memory 16 "s3://etl/in?endpoint=$$MILLPOND_S3_ENDPOINT" "s3://etl/out?endpoint=$$MILLPOND_S3_ENDPOINT"'

## test-processes: real processes that are killed, stopped, cut off and shut down under load; TIME=2m for each
test-processes:
	$(GO) test ./internal/harness -processes -processes.time $(TIME) -timeout 30m -v

## bench: the goals of speed, each against what it is compared with; BENCH="-goals 1-3"
bench:
	cd benchmarks && $(GO) run . $(BENCH)

## fuzz: every fuzz target for FUZZTIME
fuzz:
	@set -e; for t in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do d=$$(dirname $$t); \
		for f in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$t); do \
		echo "== $$d $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$d; done; done

## soak: long random runs; TIME=1h for that over several nodes, and for each test of real processes
soak:
	$(GO) test ./internal/harness -processes -processes.time $(TIME) -timeout 0 -v
	$(GO) test ./cachefs -run TestMetamorphicNodes -metamorphic.for $(TIME) -metamorphic.first 100000 -timeout 0 -v
	$(GO) test ./cachefs -run TestLinearizableNodes -linear.seeds 300 -linear.first 1000 -timeout 2h -v
	$(GO) test ./cachefs -run 'TestMetamorphic$$' -metamorphic.seeds 2000 -metamorphic.first 1000 -timeout 4h
	$(GO) test ./cachefs -run 'TestLinearizable$$' -count 50 -timeout 1h
	$(GO) test ./tier ./tier/internal/disk -run 'TestCrash' -crash.points 0 -timeout 1h
	$(GO) test ./internal/policy -run TestModel -rapid.checks 50000 -timeout 1h
	$(GO) test ./internal/inodes -run TestTableBesideATree -rapid.checks 20000 -rapid.steps 200 -timeout 2h

## cover: what the tests reach
cover:
	$(GO) test -coverprofile=cover.out -coverpkg=./... ./...
	$(GO) tool cover -func=cover.out | tail -1
