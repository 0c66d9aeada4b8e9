# Every target can be the first command in a fresh clone: `setup` installs what is missing.
#
#   make trial     a shell on a node with dnsguard, workloads and an internet, for the commands of deploy/how-to.md
#   make demo      real connections in a lab of network namespaces, against what policy says
#   make test      everything: format, lint, types, import contracts, tests
#   make soak      the long runs: 10 000 look-ups, each followed at once by a connection; millions of packets, allowed
#                  and denied, while dnsguard is restarted, killed, edited and flushed; 25 000 packets through 500
#                  random worlds, against what the evaluator says; the bugs of others for as long as they took, and
#                  requests drawn from the API's description, with SOAK_SECONDS=3600 for an hour each; programs in C,
#                  Go, Java and JavaScript, whose languages it installs, as clients; and make fuzz
#   make fuzz      the scanner of DNS messages against others' readings, guided by coverage, for an hour, and a whole
#                  forwarder between changed messages from both sides; FUZZ_SECONDS=60 for a minute each
#   make ordinary  the tests that need a kernel once more as an ordinary user, in user namespaces: what is left out then
#                  stands in tests/ordinary/left_out.yaml (make test does it for one test of each file in tests/kernel)
#   make image     the Docker image dnsguard of this version; BASE=python:3.13-slim-bookworm@sha256:… pins what it stands on
#   make wheel     in dist, the wheel and requirements.txt, the hashes of what it needs: deploy/hosts.md installs them
#   make boot      all that deploy/hosts.md says, typed in on a Debian of its own, made by debootstrap, whose systemd runs in
#                  namespaces: install, start, kill, restart under look-ups, upgrade, reboot, uninstall. SUITE=trixie for
#                  another one than bookworm; some minutes, as root
#   make docker    docker-compose.yml brought up by each Compose that is here, in a Docker engine of its own, and every claim
#                  of deploy/docker.md asserted from inside the containers; images that would be pulled are made, for
#                  which it installs what is missing but Go (1.24 or newer); DNSGUARD_COMPOSE=PATH names one more Compose
#   make compiled  in build/compiled, a dnsguard whose way of an answer is machine code: what is new costs a third to two
#                  fifths less, what repeats costs the same
#   make scale     with 10 000 endpoints: what packets cost, and one connection carries; changes of endpoints, policies and
#                  sets by the thousand under look-ups; a million leases. SIZE="--endpoints 1000" for another size; about
#                  twenty minutes
#   make loadtest  make scale, and how long each kind of change takes. Then look-ups: what one costs beside other
#                  forwarders (which are installed for it), how long it takes, what is lost of a million, and over 100
#                  restarts; how soon a change reaches a thousand watches, and what ten thousand policies in pages take;
#                  and 5 containers a second of a Docker engine (which is installed for it, and not started on this
#                  machine); more than an hour

BIN := .venv/bin

# Tests start hundreds of processes: where the environment forbids to keep what is compiled, each costs a second more.
unexport PYTHONDONTWRITEBYTECODE

FUZZ_SECONDS ?= 3600
SOAK_SECONDS ?= 600
SUITE ?= bookworm
SOAKED := tests/kernel/test_revocation.py tests/system/test_backup.py tests/system/test_bugs_of_others_answers.py \
	tests/system/test_bugs_of_others_leases.py tests/system/test_bugs_of_others_policy.py \
	tests/system/test_forwarder_withstands.py tests/system/test_schemathesis.py tests/system/test_kill_under_writes.py \
	tests/system/test_documents.py tests/system/test_command_line.py tests/system/test_dynamic_client.py tests/system/test_event_streams.py \
	tests/system/test_kubectl_reading.py tests/system/test_kubectl_access.py tests/system/test_kubectl_verbs.py \
	tests/system/test_docker.py tests/system/test_dockerd.py tests/system/test_docker_bridge.py \
	tests/system/test_loadtest_containers.py tests/system/test_loadtest_churn.py tests/system/test_loadtest_latency.py \
	tests/system/test_loadtest_leases.py tests/system/test_loadtest_lookups.py tests/system/test_loadtest_pages.py \
	tests/system/test_loadtest_promise.py tests/system/test_loadtest_restarts.py \
	tests/system/test_loadtest_watchers.py tests/system/test_run_demo.py \
	tests/unit/leases/test_names_for_hours.py

.PHONY: test demo trial ordinary soak fuzz image docker wheel boot compiled scale loadtest setup peers clients lint types contracts unit

# Tests that need a kernel wait more than they compute: two processes more than there are processors.
test: setup
	$(MAKE) --jobs=$$(nproc) lint types contracts
	$(BIN)/pytest -n $$(($$(nproc) + 2)) --dist loadgroup

trial: setup
	@$(BIN)/python -m tests.trial

demo: setup
	$(BIN)/python -m tests.demo

soak: clients fuzz
	$(BIN)/python -m tests.demo.soak
	$(BIN)/python -m tests.torrent
	$(BIN)/python -m tests.worlds --worlds 500 --packets 40
	$(BIN)/python -m tests.ordinary
	$(BIN)/pytest --timeout 0 --soak $(SOAK_SECONDS) $(SOAKED)
	$(BIN)/pytest --soak $(SOAK_SECONDS) tests/system/test_real_clients.py tests/system/test_node_caches.py

ordinary: setup
	$(BIN)/python -m tests.ordinary

fuzz: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz.scanner --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz.forwarder --seconds $(FUZZ_SECONDS)

scale: peers
	$(BIN)/python -m loadtest.packets $(SIZE)
	$(BIN)/python -m loadtest.throughput $(SIZE)
	$(BIN)/python -m loadtest.churn $(SIZE)
	$(BIN)/python -m loadtest.leases $(SIZE)

loadtest: peers compiled scale
	$(BIN)/python -m loadtest.policy $(SIZE)
	$(BIN)/python -m loadtest.lookups
	$(BIN)/python -m loadtest.latency
	$(BIN)/python -m loadtest.promise
	$(BIN)/python -m loadtest.restarts
	$(BIN)/python -m loadtest.watchers
	$(BIN)/python -m loadtest.pages
	deploy/setup --docker
	$(BIN)/python -m loadtest.containers

wheel: setup
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -w dist .
	cp requirements/runtime.txt dist/requirements.txt

boot: wheel
	$(BIN)/python -m tests.boot --suite $(SUITE)

compiled: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/compile.txt
	$(BIN)/python deploy/compile

docker: setup
	@deploy/setup --docker
	$(BIN)/python -m tests.compose.standins
	$(BIN)/pytest -v --soak 1 tests/compose

image:
	docker build $(if $(BASE),--build-arg BASE=$(BASE)) --build-arg REVISION=$$(git rev-parse HEAD) \
		--build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		--tag dnsguard:$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) .

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

clients:
	@deploy/setup --clients
