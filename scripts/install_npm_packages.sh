#!/bin/bash
# Installs what the SDK and the web client are built and tested with, unless that is what is installed already.
set -euo pipefail
cd "$(dirname "$0")/.."

installed=node_modules/.installed-lock.json
if cmp -s package-lock.json "$installed"; then exit 0; fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# The copy comes last, so that a half-made folder is made again.
cp package-lock.json "$installed"
