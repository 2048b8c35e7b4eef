# `make demo` and `make test` work alone on a bare Linux x86_64 machine with Rust, python3 with pip, a C++ compiler and make.

CARGO ?= cargo
PYTHON ?= python3

.PHONY: demo test slurm check libtorch weights moto tools build clean

demo: build ## trains and compares on the embedded dataset
	target/release/asm-pipe run pipelines/topk_v3.yaml

build: libtorch weights ## both programs, optimised
	$(CARGO) build --release --workspace

test: check moto ## every check and test; the page in a browser and jobs on a real Slurm where they can be had
	$(CARGO) build --workspace
	$(CARGO) test --workspace
	$(CARGO) test --workspace --test main -- --ignored remote_s3
	$(PYTHON) tests/tensorboard/read_back.py .tensorboard
	@if sh tests/slurm/packages; then $(MAKE) slurm; else echo "IGNORED: nothing was run on a real Slurm" >&2; fi
	@if command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null; then \
	  $(CARGO) test --workspace --test main -- --ignored browser; \
	else \
	  echo "IGNORED: the page was not opened in a browser, for there is no Chromium on PATH (Debian: apt-get install chromium)" >&2; \
	fi

slurm: libtorch weights ## runs on a real Slurm of four virtual nodes on this machine, started and stopped by tests/slurm/cluster
	@sh tests/slurm/packages
	$(CARGO) build --workspace
	@place=$$(mktemp -d) && tests/slurm/cluster start $$place && \
	  { SLURM_CONF=$$place/slurm.conf $(CARGO) test --workspace --test main -- --ignored slurm_cluster; status=$$?; \
	    tests/slurm/cluster stop $$place; rm -rf $$place; exit $$status; }

check: libtorch weights
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

libtorch: tools ## .libtorch, unless LIBTORCH or LIBTORCH_USE_PYTORCH says where one is
	@if [ -z "$$LIBTORCH$$LIBTORCH_USE_PYTORCH" ]; then $(PYTHON) setup/fetch.py libtorch .libtorch; fi

weights: tools ## .weights: EfficientNet-Lite0, ImageNet
	@$(PYTHON) setup/fetch.py weights .weights

moto: tools ## .moto: a server that speaks S3's protocol, for tests
	@$(PYTHON) tests/s3/serve.py .moto </dev/null >/dev/null

tools:
	@sh setup/tools.sh "$(CARGO)" "$(PYTHON)"
