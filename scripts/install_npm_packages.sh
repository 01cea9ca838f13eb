#!/bin/bash
# Installs the packages with which the SDK and the web client are built and tested, unless they are installed already.
set -euo pipefail
cd "$(dirname "$0")/.."

installed=node_modules/.installed-lock.json
if cmp -s package-lock.json "$installed"; then exit 0; fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# The copy comes last, so that an incomplete folder is made again.
cp package-lock.json "$installed"
