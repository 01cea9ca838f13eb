FROM node:22-bookworm-slim AS web
WORKDIR /src
COPY package.json package-lock.json ./
COPY sdk/typescript sdk/typescript
COPY web web
RUN --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts --no-audit --no-fund && npm run --silent build -w web

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=web /src/web/dist web/dist
# The caches outlive the build, so that a change of ours compiles only what is ours.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin chatserver \
    && cp target/release/chatserver /usr/local/bin/chatserver

FROM debian:bookworm-slim
# /data holds the database, its secret and the logs: all that has to be kept.
RUN groupadd --gid 10001 chatserver \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin chatserver \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /usr/local/bin/chatserver /usr/local/bin/chatserver
USER 10001:10001
WORKDIR /data
VOLUME /data
# A container is reached through its own address, so the server listens on all of them. On such an address it makes no
# demo users unless told to with --demo, and on loopback neither: whoever shares a container's network is not this machine.
ENV HOST=0.0.0.0 \
    PORT=8080 \
    NO_DEMO=1 \
    DATABASE_PATH=/data/chatserver.db \
    LOG_FILE=/data/logs/app.log
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["sh", "-c", "exec chatserver healthcheck --url http://127.0.0.1:$PORT"]
ENTRYPOINT ["chatserver"]
CMD ["serve"]
