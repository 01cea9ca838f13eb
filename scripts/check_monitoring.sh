#!/bin/bash
# Checks the files for Prometheus and Grafana in deploy/: that they can be parsed, and that the alerts fire as they
# should.
set -euo pipefail
cd "$(dirname "$0")/../deploy"

jq -e '.title == "ChatServer" and ([.panels[].id] | length == (unique | length))' grafana/chatserver.json >/dev/null || {
  echo "grafana/chatserver.json is no board, or two of its panels have one id" >&2
  exit 1
}

if ! command -v promtool >/dev/null; then
  echo "promtool is not here (Debian: apt-get install prometheus), so the alert rules were not checked."
  exit 0
fi
promtool check config prometheus/prometheus.yml
promtool test rules prometheus/alerts_test.yml

# The dashboard's queries, checked as if they were rules.
board=$(mktemp)
trap 'rm -f "$board"' EXIT
jq '{groups: [{name: "board", rules: [
      .panels[].targets[]?.expr
      | gsub("\\$__rate_interval"; "5m") | gsub("\\$instance"; ".+")
      | {record: "board:query", expr: .}]}]}' grafana/chatserver.json >"$board"
promtool check rules --lint=none "$board"
