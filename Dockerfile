# syntax=docker/dockerfile:1
# The service in a small image: built once, run by an account that owns nothing but its data.

FROM rust:1-bookworm AS build
# OpenSSL and librdkafka are compiled from the sources that their crates bring: perl, make and g++ do.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# What `--version` names: docker build --build-arg COMMIT=$(git rev-parse --short=12 HEAD)
ARG COMMIT=
ENV FULFILLMENT_COMMIT=$COMMIT
# The caches outlive a build, so the binary is copied out of the one that holds it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p fulfillment \
    && install -m 755 target/release/fulfillment /usr/local/bin/fulfillment

FROM debian:bookworm-slim
# Names on tickets come in every script; the page embeds what it uses.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 fulfillment \
    && useradd --uid 10001 --gid 10001 --home-dir /app --no-create-home --shell /usr/sbin/nologin fulfillment \
    && install -d -o 10001 -g 10001 -m 750 /app /app/data
COPY --from=build /usr/local/bin/fulfillment /usr/local/bin/fulfillment

ENV FULFILLMENT_HTTP_LISTEN=0.0.0.0:5004 \
    FULFILLMENT_DATA_DIR=/app/data
WORKDIR /app
# By number, so that an orchestrator can tell that it is not root.
USER 10001:10001
# Keys, the embedded store and the tickets. A new volume takes the folder's owner.
VOLUME /app/data
EXPOSE 5004
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/fulfillment", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/fulfillment"]
CMD ["serve"]
