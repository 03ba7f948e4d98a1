# Everything a newcomer or CI runs. Each goal installs what it needs into .venv first.

PYTHON ?= python3
BIN    := .venv/bin
UV     := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
ARGS   ?=
BENCH  ?=

.PHONY: install demo run test check bench torture pin clean

install: .venv/dev

.venv/uv: requirements/uv.txt
	$(PYTHON) -m venv .venv || { echo "no venv module: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/run: .venv/uv requirements/run.txt pyproject.toml
	$(UV) --require-hashes -r requirements/run.txt
	$(UV) --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/run requirements/dev.txt
	$(UV) --require-hashes -r requirements/dev.txt
	@touch $@

demo: .venv/run            ## the story, with real files and a real client: make demo ARGS=--exit
	$(BIN)/mft demo $(ARGS)

run: .venv/run             ## serve ./mft-home, made if it is missing
	test -e mft-home || $(BIN)/mft init mft-home
	$(BIN)/mft serve --home mft-home $(ARGS)

test: .venv/dev            ## all tests
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: .venv/dev           ## lint, format, types, contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev           ## the speed table: make bench BENCH=upload
	$(BIN)/python -m bench $(BENCH)

torture: .venv/dev         ## the long loops: make torture ARGS=--short
	$(BIN)/python -m tests.torture $(ARGS)

pin: .venv/uv              ## newest versions that pyproject.toml allows, by hash alone
	@rm -f requirements/run.txt requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
	    pyproject.toml --group build -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
	    pyproject.toml --all-extras --group build --group dev -c requirements/run.txt -o requirements/dev.txt
	echo uv | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
	    --python-version 3.11 - -o requirements/uv.txt
	printf '%s\n' ansi-x12 hl7 hl7kit linuxforhealth-x12 pydifact 'pydantic<2' pyx12 | $(BIN)/uv pip compile --quiet \
	    --universal --generate-hashes --no-annotate --no-header --python-version 3.11 - -o requirements/peers.txt

clean:
	rm -rf .venv build mft-demo mft-demo-drop .pytest_cache .mypy_cache .ruff_cache .hypothesis
