# The service and the worker: `docker build -t reconciler .`; the command says which of the two runs.
FROM python:3.13.9-slim-bookworm AS build
WORKDIR /src
COPY requirements-service.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/reconciler \
    && /opt/reconciler/bin/pip install --no-cache-dir --require-hashes --requirement requirements-service.lock
COPY reconciler ./reconciler
COPY schemas ./schemas
RUN /opt/reconciler/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13.9-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /srv reconciler
COPY --from=build /opt/reconciler /opt/reconciler
USER 10001
WORKDIR /srv
ENV PATH=/opt/reconciler/bin:$PATH PYTHONUNBUFFERED=1 RECONCILER_LOG_FORMAT=json
STOPSIGNAL SIGTERM
ENTRYPOINT ["reconciler"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
