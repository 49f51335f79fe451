TOOL     = go tool -modfile=tools/$(1)/go.mod $(1)
FUZZTIME = 30s
COUNT    = 6

.PHONY: build test race lint fmt action fuzz soak sweep bench cover update demo shells editor

build: ## the program, in bin/
	go build -trimpath -o bin/ ./cmd/poolsync

test: ## all tests
	go test ./...

race: ## all tests once more: race detector, another order, no cache
	go test -race -shuffle=on -count=1 $(TESTFLAGS) ./...

lint: ## vet, on all systems; linters, layout, workflows
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	$(call TOOL,golangci-lint) run ./...
	$(call TOOL,gofumpt) -d .
	$(call TOOL,actionlint) .github/workflows/*.yml examples/github/*.yml
	shellcheck scripts/action/*.sh .ci/run

fmt: ## rewrites code as go fix and gofumpt want it
	go fix ./...
	$(call TOOL,gofumpt) -w .

action: ## the action and the workflows of examples/github, in an emulated runner
	@mkdir -p bin
	@go build -modfile=tools/act/go.mod -o bin/act github.com/nektos/act || { echo "action: the runner nektos/act cannot be installed"; exit 1; }
	go test ./internal/actstory -count=1 -timeout 20m -act "$(CURDIR)/bin/act"

fuzz: ## every fuzz target for FUZZTIME
	@set -e; grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file func; do \
		go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
	done

soak: ## random edits, faults and kills for a bit under two minutes, with the race detector
	go test -race -count=1 -timeout 5m -run '^TestSoak$$' ./internal/apply -soak 90s -v

sweep: ## what the tests take samples of, in full: kill points, faults, histories, settings of the sandbox
	go test -count=1 -timeout 1h ./internal/apply -thorough 9
	go test -count=1 -timeout 1h ./cmd/poolsync -run '^(TestRules|TestSweep)$$' -each

bench: ## every benchmark COUNT times, summed up; what it leaves in bin/bench.txt can be compared
	@mkdir -p bin
	go test -run '^$$' -bench . -benchmem -count $(COUNT) ./... >bin/bench.txt || { cat bin/bench.txt; exit 1; }
	$(call TOOL,benchstat) bin/bench.txt

cover: ## coverage of the packages by all tests together
	go test -coverpkg=./internal/... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out | tail -1

editor: ## the schemas as editors use them: drives yaml-language-server, compiles with ajv --strict=true; needs npm
	npm ci --prefix tools/editor --no-audit --no-fund --silent
	go test -count=1 ./schemas -run '^(TestEditor|TestStrict)$$' -editor "$$PWD/tools/editor/node_modules/.bin/yaml-language-server" -ajv "$$PWD/tools/editor/node_modules/.bin/ajv"

update: ## rewrites golden files and the output in scripts
	go test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n1 dirname | sort -u) -update

shells: ## the completion scripts, in bash, zsh and fish
	go test -count=1 ./cmd/poolsync -run '^TestCompletionInShells$$' -shells

demo: ## a tour of the product against the sandbox
	go run ./internal/demo
