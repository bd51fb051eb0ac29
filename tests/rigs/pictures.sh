#!/usr/bin/env bash
# Our reader beside libvips, picture by picture, on the pictures that Pillow's, imageio's, pypng's, scikit-image's and
# matplotlib's distributions carry (some 750 odd ones); they are downloaded, never committed. 80 MB the first time.
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
  # distributions that carry pictures: Pillow's tests, samples of the others
  sources=("${pip[@]}" download --no-deps --no-binary :all: --no-build-isolation --dest "$root/packages")
  wheels=("${pip[@]}" download --no-deps --only-binary :all: --dest "$root/packages")
  if ! "${sources[@]}" pillow==13.0.0 imageio==2.38.1 pypng==0.20220715.0 ||
    ! "${wheels[@]}" scikit-image==0.26.0 matplotlib==3.11.1; then
    echo "skipped: the distributions that carry the pictures cannot be had here"
    exit 0
  fi
  for package in "$root"/packages/*; do
    into=$root/pictures/$(basename "$package")
    mkdir -p "$into"
    case $package in
      *.whl) "$root/bin/python" -m zipfile -e "$package" "$into" ;;
      *) tar xzf "$package" -C "$into" ;;
    esac
  done
  touch "$root/.made"
fi

[ "$#" -gt 0 ] || set -- "$root/pictures"
PYTHONPATH=$PWD VIPS_WARNING=0 "$root/bin/python" tests/rigs/pictures_check.py "$@"
