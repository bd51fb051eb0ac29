#!/usr/bin/env bash
# Our reader beside libvips, picture by picture, on the test pictures in Pillow's source distribution (some 730 odd ones),
# which is downloaded, never committed. 50 MB of packages the first time.
#
# usage: tests/rigs/pictures.sh [FOLDER ...]    (other folders of pictures instead)
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD/.venvs/rig-pictures

if [ ! -e "$root/.made" ] || [ tests/rigs/pictures.sh -nt "$root/.made" ]; then
  python3 -m venv --clear "$root"
  pip=("$root/bin/python" -m pip --quiet --disable-pip-version-check)
  "${pip[@]}" install -r requirements/runtime.txt
  "${pip[@]}" install "pyvips[binary]==3.1.1" "setuptools>=77" wheel pybind11
  "${pip[@]}" download --no-deps --no-binary :all: --no-build-isolation --dest "$root" pillow==13.0.0
  mkdir "$root/pillow"
  tar xzf "$root"/pillow-*.tar.gz -C "$root/pillow" --strip-components=1
  touch "$root/.made"
fi

[ "$#" -gt 0 ] || set -- "$root/pillow/Tests"
PYTHONPATH=$PWD VIPS_WARNING=0 "$root/bin/python" tests/rigs/pictures_check.py "$@"
