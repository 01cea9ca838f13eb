#!/bin/bash
# The TypeScript SDK: its types against the server's own document, its size, and its tests against the real binary,
# which `cargo build` or the Rust tests have built.
set -euo pipefail
cd "$(dirname "$0")/../sdk/typescript"

export CHATSERVER_BIN=${CHATSERVER_BIN:-${CARGO_TARGET_DIR:-$PWD/../../target}/debug/chatserver}

npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
npm run --silent build
npm run --silent check:types
npm run --silent check:size
npm test
