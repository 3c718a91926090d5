# Vigil with its locked environment, run by an ordinary user.
FROM python:3.12.12-slim

# For the containers' health checks.
RUN apt-get update && apt-get install --yes --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv==0.13.9 && useradd --create-home --uid 1000 vigil
WORKDIR /opt/vigil
COPY requirements.lock .
RUN uv pip install --system --no-cache --require-hashes --requirement requirements.lock
COPY . .
RUN uv pip install --system --no-cache --no-deps --editable . \
 && mkdir -p /var/lib/vigil/dagster && cp jobs/dagster.yaml /var/lib/vigil/dagster/ \
 && chown -R vigil:vigil /opt/vigil /var/lib/vigil
USER vigil
VOLUME /var/lib/vigil
CMD ["vigil", "--help"]
