# The service and the worker: `docker build -t reconciler .`; the command selects which one runs.
# For another base image, such as one in your own registry: --build-arg PYTHON_IMAGE=registry.example.com/python:3.13@sha256:…
ARG PYTHON_IMAGE=python:3.13.9-slim-bookworm@sha256:b685a4fa58bb19d1814d78a1ec0f0208f351452724f78b20212c984d6e124a34

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements-service.lock pyproject.toml README.md LICENSE ./
RUN python3 -m venv /opt/reconciler \
    && /opt/reconciler/bin/pip install --no-cache-dir --require-hashes --requirement requirements-service.lock
COPY reconciler ./reconciler
COPY schemas ./schemas
RUN /opt/reconciler/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /srv reconciler
COPY --from=build /opt/reconciler /opt/reconciler
USER 10001
WORKDIR /srv
ENV PATH=/opt/reconciler/bin:$PATH PYTHONUNBUFFERED=1 RECONCILER_LOG_FORMAT=json
STOPSIGNAL SIGTERM
ENTRYPOINT ["reconciler"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
# Checks the process, not its database: a restart fixes only the former. For a worker started with --health 0.0.0.0:8081,
# set HEALTH_URL=http://127.0.0.1:8081/healthz
ENV HEALTH_URL=http://127.0.0.1:8080/healthz
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen(os.environ['HEALTH_URL'], timeout=5)"]
