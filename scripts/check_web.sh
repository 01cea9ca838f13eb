#!/bin/bash
# The web client: format, types and size, and its use in a browser against the real binary, which `cargo build` or the
# Rust tests have built. Needs Node 20.19 or newer and Chromium.
#
# Usage: scripts/check_web.sh [beginning of a test file's name]...
set -euo pipefail
cd "$(dirname "$0")/.."

export CHATSERVER_BIN=${CHATSERVER_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/chatserver}

scripts/install_npm_packages.sh
cd web
npm run --silent build
npm run --silent check
npm run --silent check:format
npm run --silent check:size
npm run --silent --if-present test:unit
npm test --silent -- "$@"
