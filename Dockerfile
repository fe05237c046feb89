# One image for every role: `docker run fleawatch worker`, `… notify slack`, `… topics create`. The roles differ in their command
# and settings alone, so health checks belong to whoever runs them (see docker-compose.yml and k8s/).
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
ARG PREFIX=/opt/fleawatch
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY requirements/image.lock requirements/build.lock requirements/
COPY deploy/build-image.sh deploy/
RUN deploy/build-image.sh dependencies "$PREFIX"
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY docs/runbooks docs/runbooks
COPY schemas schemas
COPY streams streams
RUN deploy/build-image.sh project "$PREFIX"

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="fleawatch" \
      org.opencontainers.image.description="Event-driven monitoring for fleets of autonomous trading agents" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/fleawatch /opt/fleawatch
ENV PATH=/opt/fleawatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLEAWATCH_DATA_DIR=/var/lib/fleawatch
# A user that exists nowhere else and owns nothing. The directory is for a volume or a tmpfs: the root file system can be read-only.
WORKDIR /var/lib/fleawatch
USER 10001:10001
ENTRYPOINT ["fleawatch"]
CMD ["--help"]
