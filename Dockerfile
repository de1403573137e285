# The server with its page in an image that holds nothing else: no shell, no package manager, no user but its own.
# docker build --tag tagalong .

FROM node:22-bookworm-slim AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
# The programs that /docs shows.
COPY docs/connect/ ../docs/connect/
RUN npm run build

FROM rust:1.95-bookworm AS server
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates/ crates/
COPY --from=page /src/web/dist/ web/dist/
COPY deploy/image-root deploy/image-root
RUN cargo build --release --locked --bin tagalong \
  && deploy/image-root target/release/tagalong /image \
  && mkdir /empty

FROM scratch
COPY --from=server /image/ /
# A volume takes over whose its directory is.
COPY --from=server --chown=65532:65532 --chmod=0700 /empty/ /data/
# The root may be read-only: all that is written, SQLite's temporary files too, goes to /data.
ENV DATA_DIR=/data SQLITE_TMPDIR=/data LOG_FORMAT=json
VOLUME ["/data"]
EXPOSE 4000
USER 65532:65532
HEALTHCHECK --interval=15s --timeout=6s --start-period=15s --retries=3 CMD ["/tagalong", "health"]
ENTRYPOINT ["/tagalong"]
CMD ["serve"]
