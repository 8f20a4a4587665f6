# The pipeline on a plain machine, on the CPU:
#     docker build -t digits .
#     docker run --name digits digits make run
FROM python:3.11.13-slim-bookworm

# Debian keeps one version of a package only: a pin fails after the package's next security fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git make openssh-server \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 digits \
    && install -d -o digits -g digits /digits
USER 1000
WORKDIR /digits

# The packages alone: an edit of the code does not install them again.
COPY --chown=digits:digits Makefile ./
COPY --chown=digits:digits requirements requirements/
ENV TORCH=cpu PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
RUN make packages

# The copied requirements may be newer than the environment that was made from the same ones.
# A volume on the cache takes over its owner.
COPY --chown=digits:digits . ./
RUN touch .venv/run-installed .venv/test-installed && make setup && mkdir -p .dvc/cache
CMD ["make", "run"]
