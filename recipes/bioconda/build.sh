#!/bin/bash
set -xeuo pipefail

cargo-bundle-licenses --format yaml --output THIRDPARTY.yml
# Without the lists that `cargo install` keeps of what it installed.
cargo install --no-track --locked --verbose --root "$PREFIX" --path .
