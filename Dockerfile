# An image with the program alone:
#   docker build --tag reprise .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" reprise detect genome.fa -o out
FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
# The targets that Cargo.toml declares have to be there, though they are not built.
COPY benches benches
RUN cargo install --locked --path . --root /installed

FROM debian:bookworm-slim
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/reprise/
COPY --from=build /installed/bin/reprise /usr/local/bin/reprise
# Not root; `docker run --user` sets the owner of the results.
USER 1000:1000
WORKDIR /data
ENTRYPOINT ["reprise"]
CMD ["--help"]
