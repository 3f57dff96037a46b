# Two commands matter: `make learn` opens the course, `make test` proves it.
PY := .venv/bin/python
ARGS ?=
export PYTHON ?=
# The proofs must not depend on a log level or a backend of the user's own.
unexport MPLBACKEND
# Python compiles what it runs once, not in every process.
unexport PYTHONDONTWRITEBYTECODE

# Half of the time on JAX goes into compiling, which gives the same every time.
JAX_KEEPS_WHAT_IT_COMPILED := JAX_COMPILATION_CACHE_DIR="$(CURDIR)/build/jax-compiled" \
  JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1

# `fewest`: one version of a package on every Python, so that all learners have the same course.
RESOLVE := $(PY) -m uv pip compile --upgrade --universal --fork-strategy fewest --python-version 3.11 \
  --generate-hashes --no-annotate --quiet --custom-compile-command "make lock"

.PHONY: learn test lint unit verify verify-jax book browser store lock clean help

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1 - \2/p' Makefile

learn: environment  ## set up everything and open the course in JupyterLab (ARGS=--no-browser: headless)
	@.venv/bin/kcourse learn $(ARGS)

test:  ## set up everything and prove it; at the end, how long each part took
	@tools/timed.sh environment tools lint unit verify verify-jax book browser

lint: environment  ## style, types, and no call that TensorFlow or Keras removed or changed
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/kcourse audit notebooks src book benchmarks tests/exercises README.md CONTRIBUTING.md examples

unit: environment peers jax  ## every test that needs no browser
	$(PY) -m pytest -m "not browser" -n auto --dist loadfile -q --junitxml build/unit.xml

verify: environment  ## every lesson, as shipped and with solutions
	.venv/bin/kcourse verify --report build/verification.json

verify-jax: environment jax  ## the lessons on Keras alone, with solutions on JAX
	PYTHONPATH="$(CURDIR)/.jax" $(JAX_KEEPS_WHAT_IT_COMPILED) .venv/bin/kcourse verify --backend jax --report build/verification-jax.json

book: environment build/verification.json build/verification-jax.json  ## the static site in build/book
	$(PY) book/build.py --report build/verification.json --report build/verification-jax.json

# The book shows what was measured; lessons that changed since are measured again.
build/verification.json: $(wildcard notebooks/*/*.ipynb)
	$(MAKE) verify
build/verification-jax.json: $(wildcard notebooks/*/*.ipynb)
	$(MAKE) verify-jax

browser: environment tools  ## the book and JupyterLab in a real browser
	$(PY) -m pytest -m browser -n auto -q --junitxml build/browser.xml

store: environment  ## run the lessons as shipped and store their outputs (ARGS=path of one lesson)
	.venv/bin/kcourse verify --store $(ARGS)

lock: environment  ## resolve requirements.lock anew from pyproject.toml, and the locks beside it
	$(RESOLVE) pyproject.toml --extra verify --extra book --extra dask --extra serving --extra spark --extra java \
	  --group dev --output-file requirements.lock
	# What .venv has is left out of what is put beside it. otter-grader wants wrapt<2 without need;
	# TensorFlow takes any.
	for name in peers jax gpu hub; do \
	  echo 'wrapt>=1.16' | $(RESOLVE) requirements-$$name.in --constraints requirements.lock \
	    $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.lock | sort -u) \
	    --overrides - --output-file requirements-$$name.lock || exit 1; \
	done

clean:  ## remove what was built, not the environment and not the workspace
	rm -rf build book/_build .pytest_cache .mypy_cache .ruff_cache

.PHONY: environment tools peers jax
.NOTPARALLEL:
environment:
	@tools/environment.sh
tools:
	@tools/browser.sh
peers jax: environment
	@tools/aside.sh $@
