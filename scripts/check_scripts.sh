#!/bin/bash
# Checks every script: shellcheck, the shells' own parsers, and PowerShell's syntax. Installs nothing: ./test.sh does.
# Needs shellcheck on PATH, and in $VENV (default .venv) what scripts/requirements-test.txt lists.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${VENV:-.venv}/bin/python
command -v shellcheck >/dev/null || {
  echo "shellcheck is missing: install it, or run ./test.sh, which does." >&2
  exit 1
}
[ -x "$python" ] || {
  echo "$python is missing: run ./test.sh, which makes it, or set VENV." >&2
  exit 1
}

scripts=(.ci/run)
while IFS= read -r file; do scripts+=("${file#./}"); done < <(
  find . \( -name .git -o -name target -o -name .venv -o -name .node -o -name node_modules \) -prune -o -type f -name '*.sh' -print | sort
)

shellcheck --external-sources "${scripts[@]}"
for file in "${scripts[@]}"; do
  case $(head -n 1 "$file") in
    '#!/bin/bash') bash -n "$file" ;;
    *)
      for shell in dash bash; do
        if command -v "$shell" >/dev/null; then "$shell" -n "$file"; fi
      done
      ;;
  esac
  case $file in
    scripts/engines.sh | scripts/setup_common.sh | scripts/together.sh) ;;
    *) [ -x "$file" ] || {
      echo "$file is not executable: chmod +x $file" >&2
      exit 1
    } ;;
  esac
done
echo "  shell: ${#scripts[@]} scripts are clean"

# A checker that finds nothing proves nothing, so it first has to find mistakes made on purpose.
broken=$(mktemp -d)
trap 'rm -rf "$broken"' EXIT
expect_problem() {
  local found status=0
  found=$("$python" scripts/check_powershell.py "$broken/$1.ps1") || status=$?
  if [ "$status" -ne 1 ] || [[ $found != *"$1.ps1:$2: "* ]]; then
    printf 'check_powershell.py should have exited 1 for line %s of a broken script (%s); it exited %s and said: %s\n' \
      "$2" "$1" "$status" "$found" >&2
    exit 1
  fi
}
cat >"$broken/condition.ps1" <<'BROKEN'
$a = 1

if ($a -eq) { Write-Host $a }
$b = 2
BROKEN
expect_problem condition 3
sed 's/$/\r/' >"$broken/string.ps1" <<'BROKEN'
$a = 1
Write-Host "$a
$b = 2
BROKEN
expect_problem string 2
cat >"$broken/brace.ps1" <<'BROKEN'
function Test-It {
    if ($true) { 1 }
BROKEN
expect_problem brace 2
printf 'Write-Host 1\nWrite-Host "caf\303\251"\n' >"$broken/letter.ps1"
expect_problem letter 2

powershell=()
while IFS= read -r file; do powershell+=("${file#./}"); done < <(
  find . \( -name .git -o -name target -o -name .venv -o -name .node -o -name node_modules \) -prune -o -type f -name '*.ps1' -print | sort
)
"$python" scripts/check_powershell.py "${powershell[@]}"
echo "  PowerShell: ${#powershell[@]} script parses, and four broken ones are found out"
