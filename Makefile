# Malha: every task of the project. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
ARGS ?=
LAKE = test -f $${DBT_TARGET_PATH:-dbt_project/target}/manifest.json || .venv/bin/dbt --quiet parse; $(PY) -m lake

.PHONY: help
help: ## List the tasks
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Start
.PHONY: setup demo
setup: ## Install Python packages and jars into .venv and .deps (skipped when up to date)
	@sh stack/setup.sh
demo: up ## Files to bronze, prata, ouro, JDBC and REST: SAMPLES=minimo (default) or varejo
	@$(PY) -m stack demo $(if $(SAMPLES),--samples $(SAMPLES))

##@ The embedded stack
.PHONY: up down restart status logs clean
up: setup ## Start S3, metastore, Thrift Server and API, and wait until all are healthy
	@$(PY) -m stack up
down: setup ## Stop them; the data stays
	@$(PY) -m stack down
restart: setup ## Restart one: SERVICE=s3, metastore, thrift or api
	@$(PY) -m stack restart $(SERVICE)
status: setup ## Show state, address and health of each
	@$(PY) -m stack status
logs: setup ## Show what they wrote last: SERVICE=… for one, ARGS=--follow to go on
	@$(PY) -m stack logs $(SERVICE) $(ARGS)
clean: setup ## Stop them and remove all data
	@$(PY) -m stack clean

##@ Data
.PHONY: land ingest dbt build lineage dbt-docs beeline samples
land: setup ## Copy a folder's files to the landing area: FOLDER=data/samples/varejo
	@$(PY) -m stack land $(FOLDER)
ingest: setup ## Append what has landed to bronze: ARGS="cliente pedido" for these alone
	@$(PY) -m ingest $(ARGS)
dbt: setup ## Run dbt: ARGS="build", ARGS="docs serve"
	@.venv/bin/dbt $(ARGS)
build: setup ## Run dbt build, then show rules and rejections: ARGS="--select cliente_pedido+" for some
	@.venv/bin/dbt build $(ARGS); built=$$?; $(LAKE) quality; exit $$built
lineage: setup ## Show what columns are made from: PRODUCT=cliente_pedido COLUMN=valor
	@.venv/bin/dbt --quiet compile && $(PY) -m governance show $(PRODUCT) $(COLUMN)
dbt-docs: setup ## Serve dbt's docs, in which each column says where it comes from: PORT=8080
	@.venv/bin/dbt --quiet docs generate --target-path target/docs && \
		$(PY) -m governance describe dbt_project/target/docs && \
		$(PY) -m governance serve dbt_project/target/docs --port $(or $(PORT),8080)
beeline: setup ## Open the JDBC shell on the Thrift Server
	@$(PY) -m stack beeline
samples: setup ## Make data/samples/varejo again
	@$(PY) data/samples/make_varejo.py

##@ The mesh in containers: needs Docker with Compose, and nothing that `make setup` installs
.PHONY: compose-env compose-up compose-down compose-status compose-logs compose-demo
.PHONY: compose-land compose-backup compose-restore compose-clean
.PHONY: compose-test compose-test-all
compose-env: ## Write .env with random secrets; what it has already stays
	@sh stack/compose-env.sh
compose-up: ## Build, start and wait until all is healthy: WORKERS=2 for a Spark cluster
	@sh stack/compose.sh up $(WORKERS)
compose-down: ## Stop and remove the containers; the data stays
	@docker compose --profile '*' down
compose-status: ## Show state, health and ports of each container
	@docker compose --profile '*' ps --all
compose-logs: ## Show what they wrote last: SERVICE=… for one, ARGS=--follow to go on
	@docker compose --profile '*' logs --tail 50 $(ARGS) $(SERVICE)
compose-demo: compose-up ## The tour of `make demo`, in containers: SAMPLES=minimo or varejo
	@sh stack/compose.sh demo $(SAMPLES)
compose-land: ## Copy a folder's files to the landing area: FOLDER=data/samples/varejo
	@sh stack/compose.sh land $(FOLDER)
compose-backup: ## Save lake, landing area and metastore: TO=backups/monday.tar
	@sh stack/compose.sh backup $(or $(TO),backups/malha-$$(date +%Y%m%dT%H%M%S).tar)
compose-restore: ## Read a backup into a mesh without tables: FROM=backups/monday.tar
	@sh stack/compose.sh restore $(FROM)
compose-clean: ## Stop the containers and remove all their data
	@docker compose --profile '*' down --volumes
compose-test: setup ## Build the images, and run the smoke tests on containers of their own: ARGS="-k demo" for some
	@.venv/bin/pytest tests/compose -m smoke $(ARGS)
compose-test-all: setup ## Run all their tests: cluster, outages, recovery and schema too: ARGS="-k backup" for some
	@.venv/bin/pytest tests/compose $(ARGS)

##@ The lake
.PHONY: publish-status maintain history rollback demo-rollback
publish-status: setup ## Show each product: snapshot, age, rows, tests, what waits on a branch
	@$(LAKE) status $(ARGS)
maintain: setup ## Compact small files, expire snapshots, remove orphans: DRY_RUN=1 prints it alone
	@$(LAKE) maintain $(if $(filter-out 0,$(DRY_RUN)),--dry-run) $(ARGS)
history: setup ## List the snapshots that a product can be put back to: PRODUCT=cliente_pedido
	@$(LAKE) history $(PRODUCT)
rollback: setup ## Put a product back: PRODUCT=… TO=previous, a snapshot, or a moment in UTC
	@$(LAKE) rollback $(PRODUCT) $(TO)
demo-rollback: setup ## Change a product of the demo, put it back, and build it forward again
	@$(PY) -m stack demo-rollback

##@ Access to the API
.PHONY: key keys
key: setup ## Make a key and show it once: NAME=ana SCOPES="product:cliente_pedido pii", ARGS="--expires 90d"
	@$(PY) -m api keys create "$(NAME)" $(foreach scope,$(SCOPES),--scope '$(scope)') $(ARGS)
keys: setup ## List the keys, whom they belong to, and what they open
	@$(PY) -m api keys list $(ARGS)

##@ Checks
.PHONY: lint test-unit test test-stop coverage test-api test-faults test-hostile
lint: setup ## Check Python, SQL, shell, types, import borders and the rules of the mesh
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/sqlfluff lint --disable-progress-bar dbt_project
	@.venv/bin/dbt --quiet parse --target-path target/governance && .venv/bin/dbt-bouncer run
	@.venv/bin/shellcheck stack/*.sh .ci/run
test-unit: setup ## Run the tests that need no service
	@.venv/bin/pytest --ignore tests/compose -m "not integration" -n 2 $(ARGS)
test: setup ## Run all tests but those of the images: ARGS="tests/dbt -k publish", TEST_STACK=keep for a warm stack
	@.venv/bin/pytest --ignore tests/compose --ignore tests/hostile --durations 10 $(ARGS)
test-stop: setup ## Stop and remove the stack that TEST_STACK=keep has left
	@$(PY) -m tests.warm
coverage: setup ## Run the tests and show which lines none of them has run: ARGS="tests/dbt"
	@.venv/bin/pytest --ignore tests/compose --cov --cov-report=term $(ARGS)
test-api: setup ## Test the API with generated questions and requests: EXAMPLES=5000 or more
	@API_EXAMPLES=$(or $(EXAMPLES),5000) .venv/bin/pytest tests/api $(ARGS)
test-hostile: setup ## Attack the API on loopback, beside somebody who behaves well; a table shows how he fares
	@.venv/bin/pytest -q -p no:randomly tests/hostile $(ARGS)
test-faults: setup ## Kill ingest, S3 and metastore at random moments: KILLS=30, SEED=… for the same again
	@FAULT_KILLS=$(or $(KILLS),30) FAULT_SEED=$(SEED) .venv/bin/pytest -q tests/faults $(ARGS)

##@ Benchmarks
.PHONY: bench-pipeline bench-listing bench-layout bench-api bench-overload
bench-pipeline: setup ## Time the pipeline beside a plain PySpark script: SCALE=0.1, 1 or 10; REPEAT=3
	@$(PY) -m bench.pipeline --scale $(or $(SCALE),1) --repeat $(or $(REPEAT),1)
bench-listing: setup ## Time the ingest where many files are old: FILES=10000
	@$(PY) -m bench.listing --files $(or $(FILES),10000)
bench-layout: setup ## Time layouts of a table side by side: SCALE=1 REPEAT=3
	@$(PY) -m bench.layout --scale $(or $(SCALE),1) --repeat $(or $(REPEAT),3)
bench-api: setup ## Time the API beside ROAPI, Flask with Spark and PyHive: ARGS="--cases cold"
	@$(PY) -m bench.api --scale $(or $(SCALE),1) $(ARGS)
bench-overload: setup ## Ask the API by ten times the clients: ARGS="--seconds 10"
	@$(PY) -m bench.overload --scale $(or $(SCALE),1) $(ARGS)

##@ Upkeep
.PHONY: format lock docs
format: setup ## Format Python and SQL
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format .
	@.venv/bin/sqlfluff fix --disable-progress-bar dbt_project
lock: setup ## Lock Python packages and jars again, after a change of their versions
	@sh stack/lock.sh
docs: setup ## Write docs/settings.md from the table of settings
	@$(PY) -m malha.settings_page > docs/settings.md
