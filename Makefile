# Every target can be the first command in a fresh clone: `setup` installs what is missing.
#
#   make demo      real connections in a lab of network namespaces, against what policy says
#   make test      everything: format, lint, types, import contracts, tests
#   make soak      the long runs: 10 000 look-ups, each followed at once by a connection; 25 000 packets through 500
#                  random worlds, against what the evaluator says
#   make loadtest  with 10 000 endpoints: how long a change of policy takes, and what the first packet of a connection
#                  costs; SIZE="--endpoints 1000" for another size. Then look-ups: what one costs beside other forwarders
#                  (which are installed for it), how long it takes, what is lost of a million, and over 100 restarts;
#                  about an hour and a half

BIN := .venv/bin

.PHONY: test demo soak loadtest setup peers lint types contracts unit

test: lint types contracts
	$(BIN)/pytest -n auto --dist loadgroup

demo: setup
	$(BIN)/python -m tests.demo

soak: setup
	$(BIN)/python -m tests.demo.soak
	$(BIN)/python -m tests.worlds --worlds 500 --packets 40

loadtest: peers
	$(BIN)/python -m loadtest.policy $(SIZE)
	$(BIN)/python -m loadtest.packets $(SIZE)
	$(BIN)/python -m loadtest.lookups
	$(BIN)/python -m loadtest.latency
	$(BIN)/python -m loadtest.promise
	$(BIN)/python -m loadtest.restarts

unit: setup
	$(BIN)/pytest -n auto tests/unit tests/conformance

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/mypy loadtest

contracts: setup
	$(BIN)/lint-imports

setup:
	@deploy/setup

peers:
	@deploy/setup --peers
