.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := core trainer predictor operator cli

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment is made anew whenever a pin or a package's metadata changes.
$(VENV)/ready: requirements/dev.txt $(PACKAGES:%=%/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Perennial needs Python 3.11 or newer; name one with make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(PACKAGES:%=-e ./%)
	@touch $@

venv: $(VENV)/ready ## make the virtual environment with everything pinned

demo: $(VENV)/ready ## show the pipeline on this machine, from data to a swap under load
	@$(BIN)/perennial demo

run: $(VENV)/ready ## serve manifests/examples/linear.yaml on this machine, until Ctrl-C
	@$(BIN)/perennial run manifests/examples/linear.yaml

.PHONY: demo run

# Images and chart. Without Docker and kind: make images load IMAGE_BUILD='buildah bud --layers' IMAGE_LOAD=...
SERVICES := operator trainer predictor
IMAGE_BUILD ?= docker build
IMAGE_LOAD ?= kind load docker-image --name perennial
IMAGE_PREFIX ?= localhost/perennial
TAG ?= $(shell sed -n 's/^appVersion: "\(.*\)"/\1/p' helm/perennial/Chart.yaml)
HELM ?= helm
GENERATED := helm/perennial/files/crds manifests/install.yaml manifests/examples/diabetes.yaml \
  predictor/src/perennial_predictor/rpc

images: ## build the images of operator, trainer and predictor
	@set -e; for service in $(SERVICES); do \
	  echo "building $(IMAGE_PREFIX)/$$service:$(TAG)"; \
	  $(IMAGE_BUILD) -t $(IMAGE_PREFIX)/$$service:$(TAG) -f $$service/Dockerfile .; \
	done

bundled: ## build an image that serves one exported version with no Redis: make bundled BUNDLE=FOLDER
	@test -f '$(BUNDLE)/SHA256SUMS' || { echo 'BUNDLE=$(BUNDLE): name a folder that perennial export wrote'; exit 1; }
	$(IMAGE_BUILD) -t $(IMAGE_PREFIX)/bundled:$(TAG) -f predictor/Dockerfile --target bundled \
	  --build-context bundle='$(BUNDLE)' .

load: ## load the images into the kind cluster
	$(IMAGE_LOAD) $(SERVICES:%=$(IMAGE_PREFIX)/%:$(TAG))

manifests: $(VENV)/ready ## make what is generated: the CRD in the chart, manifests/
	$(BIN)/python hack/crd
	{ cat hack/namespace.yaml; $(HELM) template perennial helm/perennial --namespace perennial \
	  --kube-version 1.30.0 --no-hooks -f hack/install-values.yaml; } >manifests/install.yaml
	$(BIN)/python hack/diabetes >manifests/examples/diabetes.yaml

messages: $(VENV)/ready ## make the messages of gRPC from their .proto
	$(BIN)/python hack/messages

verify: manifests messages ## fail when something generated differs from what is committed
	git diff --exit-code -- $(GENERATED)

helm-lint: ## lint the chart with its values for kind and for EKS
	$(HELM) lint --quiet --strict --kube-version 1.30.0 helm/perennial
	$(HELM) lint --quiet --strict --kube-version 1.30.0 helm/perennial -f helm/perennial/values-eks.yaml

.PHONY: help venv images bundled load manifests messages verify helm-lint

# The cluster that KUBECONFIG names, or a new one of kind's.
cluster-demo: images load ## show it all on the cluster that KUBECONFIG names
	hack/cluster-demo

kind-demo: ## show it all on a new kind cluster (needs Docker, kind, kubectl and helm)
	kind get clusters 2>/dev/null | grep -qx perennial || kind create cluster --name perennial --config kind-config.yaml --wait 3m
	$(MAKE) cluster-demo

test: $(VENV)/ready ## run all tests; those that need a cluster only where one is reachable
	$(BIN)/pytest $(ARGS)

check: $(VENV)/ready ## check format, types, layers and, where helm is, what is generated
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v $(HELM) >/dev/null; then $(MAKE) --no-print-directory verify helm-lint; \
	  else echo 'helm is not on PATH: manifests/ was not compared with the chart'; fi

# Each program compares in interleaved rounds of its own; the plots are those in docs/performance.md.
BENCHMARKS := one_row many_rows tail batching cores swap start leak
bench: $(VENV)/ready ## compare the predictor with bare servers and with others, in some ten minutes
	@failed=; for program in $(BENCHMARKS); do \
	  echo; echo "== $$program"; \
	  PYTHONPATH=tests $(BIN)/python benchmarks/$$program.py --plots docs/performance $(ARGS) \
	    || failed="$$failed $$program"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

lock: $(VENV)/ready ## pin the dependencies anew; ARGS=--upgrade takes their newest versions
	PATH="$(CURDIR)/$(BIN):$$PATH" requirements/lock $(ARGS)

.PHONY: cluster-demo kind-demo test check bench lock
