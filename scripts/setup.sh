#!/bin/sh
# Make a virtual environment with a suitable Python and the exact versions of constraints.txt.
set -eu
venv=${1:-.venv}
wanted="3.13 3.12 3.14"

suitable() { "$1" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 15))' >/dev/null 2>&1; }

found=""
for candidate in ${PYTHON_FOR_VENV:-} python3.13 python3.12 python3.14 python3 python; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    if suitable "$path"; then found=$path; break; fi
done
if [ -z "$found" ] && command -v uv >/dev/null 2>&1; then
    found=$(uv python find '>=3.12,<3.15' 2>/dev/null) || found=""
fi
if [ -z "$found" ]; then
    echo "bayes-scaling needs Python 3.12 or newer; looked for python3.13, python3.12, python3.14, python3, python" >&2
    echo "on the PATH and found: $(python3 --version 2>&1 || echo none)." >&2
    echo "Get one of $wanted, for example: 'pyenv install 3.13', 'uv python install 3.13', 'apt install python3.13'," >&2
    echo "'brew install python@3.13', then run make again (or set PYTHON_FOR_VENV=/path/to/python)." >&2
    exit 1
fi
if ! [ -x "$venv/bin/python" ] || ! suitable "$venv/bin/python"; then
    rm -rf "$venv"
    "$found" -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
