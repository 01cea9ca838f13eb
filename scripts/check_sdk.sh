#!/bin/bash
# The TypeScript SDK: its types against the server's own document, its size, and its tests against the real binary,
# which `cargo build` or the Rust tests have built.
set -euo pipefail
cd "$(dirname "$0")/.."

export CHATSERVER_BIN=${CHATSERVER_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/chatserver}

scripts/install_npm_packages.sh
cd sdk/typescript
# It builds the package and checks its types and its size first.
npm test
