#!/bin/sh
# Installs got-ocr with its service into a virtual environment. The Dockerfile and docker/smoke.sh run the same steps.
#   install.sh dependencies cpu|cuda VENV      packages, at the versions of constraints.txt
#   install.sh package VENV                    got-ocr itself, from the folder of this script or its parent
# TORCH_INDEX replaces the index of torch's builds for the CPU.
set -eu
step=$1
here=$(cd "$(dirname "$0")" && pwd)
test -f "$here/pyproject.toml" || here=$(dirname "$here")

pip_install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir "$@"
}

case $step in
dependencies)
    build=$2 venv=$3
    python3 -m venv "$venv"
    index=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
    torch=$(grep '^torch==' "$here/constraints.txt")
    if [ "$build" = cpu ]; then
        pip_install ${index:+--index-url "$index"} -c "$here/constraints.txt" "$torch"
    else
        pip_install -c "$here/constraints.txt" "$torch"
    fi
    # The dependencies of the package and of these extras, without the package.
    "$venv/bin/python" - "$here/pyproject.toml" > "$venv/requirements.txt" <<'PYTHON'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
names = ("serve", "mcp", "charts", "pdfium")
print(*project["dependencies"], *(each for name in names for each in extras[name]), sep="\n")
PYTHON
    pip_install -c "$here/constraints.txt" -r "$venv/requirements.txt"
    ;;
package)
    venv=$2
    pip_install --no-deps "$here"
    "$venv/bin/python" -m pip check
    find "$venv" -name __pycache__ -prune -exec rm -rf {} +
    ;;
esac
