# One stage a role, on Debian and its packages. What changes often comes last in each stage, so a
# change of code rebuilds in seconds. `docker compose build` builds all of them.

# MinIO is published as source only, and takes minutes to compile. Its stages share nothing with the
# others and copy nothing from the repository: only another version or base image compiles it again.
FROM debian:trixie-slim AS minio-build
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends ca-certificates golang-go
ARG MINIO_VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
ENV GOPATH=/go \
    GOCACHE=/var/cache/go
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/var/cache/go \
    time=$(echo $MINIO_VERSION | sed -E 's/.*-(....)(..)(..)(..)(..)(..)-.*/\1-\2-\3T\4-\5-\6Z/') \
    && CGO_ENABLED=0 go install -trimpath \
        -ldflags="-s -w -X github.com/minio/minio/cmd.ReleaseTag=RELEASE.$time" \
        github.com/minio/minio@$MINIO_VERSION

FROM debian:trixie-slim AS minio
LABEL org.opencontainers.image.title="malha/minio" \
      org.opencontainers.image.description="S3 server, built from MinIO's source"
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends ca-certificates curl \
    && useradd --uid 10001 --user-group --home-dir /app --shell /usr/sbin/nologin malha \
    && install -d -o malha -g malha /data
WORKDIR /app
COPY --from=minio-build /go/bin/minio /usr/local/bin/
USER malha
EXPOSE 9000 9001
CMD ["minio", "server", "/data", "--console-address", ":9001"]

FROM debian:trixie-slim AS base
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends ca-certificates curl \
    && useradd --uid 10001 --user-group --home-dir /app --shell /usr/sbin/nologin malha
WORKDIR /app

FROM base AS docs
LABEL org.opencontainers.image.title="malha/docs" \
      org.opencontainers.image.description="dbt's documentation of the mesh, as a site"
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends nginx-light
RUN install -d -o malha -g malha /site
COPY deploy/docs/ /etc/malha/
USER malha
EXPOSE 8081
CMD ["nginx", "-c", "/etc/malha/nginx.conf"]

FROM base AS prometheus
LABEL org.opencontainers.image.title="malha/prometheus" \
      org.opencontainers.image.description="Prometheus, and its exporter for PostgreSQL"
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends prometheus prometheus-postgres-exporter \
    && install -d -o malha -g malha /prometheus
COPY deploy/prometheus/ /etc/malha/
USER malha
EXPOSE 9090
CMD ["prometheus", "--config.file=/etc/malha/prometheus.yml", "--storage.tsdb.path=/prometheus"]

FROM base AS python
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends python3
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1

FROM python AS build
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends python3-venv
COPY requirements/build.txt requirements/
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements/build.txt
ENV PATH=/opt/build/bin:$PATH \
    UV_CACHE_DIR=/var/cache/uv \
    UV_LINK_MODE=copy
COPY stack/venv.sh ./

# What names the project itself, for its entry in each environment.
FROM build AS project
COPY pyproject.toml ./
COPY requirements/*.in requirements/
RUN touch README.md && mkdir -p malha ingest api/routes lake stack

FROM build AS api-venv
COPY requirements/api.txt requirements/
RUN --mount=type=cache,target=/var/cache/uv sh venv.sh packages api
COPY --from=project /app/ ./
RUN sh venv.sh project

FROM build AS dbt-venv
COPY requirements/dbt.txt requirements/
RUN --mount=type=cache,target=/var/cache/uv sh venv.sh packages dbt
COPY --from=project /app/ ./
RUN sh venv.sh project

FROM build AS spark-packages
COPY requirements/spark.txt requirements/
RUN --mount=type=cache,target=/var/cache/uv sh venv.sh packages spark

FROM spark-packages AS spark-venv
COPY --from=project /app/ ./
RUN sh venv.sh project

FROM python AS dbt
LABEL org.opencontainers.image.title="malha/dbt" \
      org.opencontainers.image.description="The models of prata and ouro, with dbt to build them"
COPY --from=dbt-venv /app/.venv .venv
ENV DBT_PROJECT_DIR=/app/dbt_project \
    DBT_PROFILES_DIR=/app \
    DBT_LOG_PATH=/tmp/dbt-logs \
    PYTHONPATH=/app/dbt_project/plugins \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false
COPY profiles.yml ./
COPY dbt_project dbt_project
RUN dbt --quiet parse && chown -R malha:malha dbt_project/target && rm -r /tmp/dbt-logs
USER malha
ENTRYPOINT ["dbt"]
CMD ["build"]

FROM python AS api
LABEL org.opencontainers.image.title="malha/api" \
      org.opencontainers.image.description="The ouro products over REST"
COPY --from=api-venv /app/.venv .venv
COPY --from=dbt /app/dbt_project/target/manifest.json dbt_project/target/
COPY malha malha
COPY api api
RUN python -m compileall -q malha api && install -d -o malha -g malha /state
ENV STACK_DIR=/state
USER malha
EXPOSE 8000
CMD ["python", "-m", "api"]

FROM python AS java
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends openjdk-21-jre-headless

FROM java AS jars
COPY --from=spark-packages /app/.venv .venv
COPY thrift/pom.xml thrift/jars.sha256 thrift/
COPY stack/bootstrap.py stack/
RUN python3 stack/bootstrap.py jars

# What the project itself brings to everything on Java.
FROM python AS code
COPY --from=dbt /app/dbt_project/target/manifest.json dbt_project/target/
COPY thrift/conf thrift/conf
COPY malha malha
COPY ingest ingest
COPY lake lake
COPY stack stack
RUN python3 -m compileall -q malha ingest lake stack

# Everything on Java shares these layers: metastore, Thrift Server, ingest and the cluster.
FROM java AS runtime
COPY --from=spark-venv /app/.venv .venv
COPY --from=jars /app/.deps .deps
RUN install -d -o malha -g malha /scratch /state
ENV SPARK_HOME=/app/.venv/lib/python3.13/site-packages/pyspark \
    SPARK_CONF_DIR=/app/thrift/conf \
    SPARK_DIST_CLASSPATH=/app/.deps/jars/* \
    SPARK_LOCAL_DIRS=/scratch \
    STACK_DIR=/state
ENTRYPOINT ["python", "-m", "stack.container"]

FROM runtime AS spark
LABEL org.opencontainers.image.title="malha/spark" \
      org.opencontainers.image.description="Spark with Iceberg and S3: master, worker, executor"
COPY --from=code /app/ ./
USER malha

FROM spark AS metastore
LABEL org.opencontainers.image.title="malha/metastore" \
      org.opencontainers.image.description="Hive metastore, with the tool that makes its schema"
EXPOSE 9083
CMD ["serve", "metastore"]

FROM spark AS thrift
LABEL org.opencontainers.image.title="malha/thrift" \
      org.opencontainers.image.description="Spark Thrift Server: SQL over JDBC"
EXPOSE 10000 4040
CMD ["serve", "thrift"]

FROM spark AS ingest
LABEL org.opencontainers.image.title="malha/ingest" \
      org.opencontainers.image.description="Landed files to bronze"
ENTRYPOINT ["malha-ingest"]

FROM runtime AS tools
LABEL org.opencontainers.image.title="malha/tools" \
      org.opencontainers.image.description="Landing, demo, backup and restore"
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends postgresql-client-17
COPY data/samples data/samples
COPY --from=code /app/ ./
USER malha
