#!/usr/bin/env bash
# Builds the release of the version in edge_srcnn/__init__.py, checks it, and tags it. Uploads nothing.
#
# usage: tools/release.sh PYTHON    (one that has build and twine)
set -eu
cd "$(dirname "$0")/.."
python=$1

refuse() {
  echo "release: $1" >&2
  exit 1
}

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' edge_srcnn/__init__.py)
[ -n "$version" ] || refuse "edge_srcnn/__init__.py has no __version__"
[ -z "$(git status --porcelain)" ] || refuse "the working tree is not clean; commit or stash first"
! git rev-parse --quiet --verify "refs/tags/v$version" >/dev/null ||
  refuse "the tag v$version exists; raise __version__ in edge_srcnn/__init__.py"
grep -Eq "^## ${version//./\\.} \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" CHANGELOG.md ||
  refuse "CHANGELOG.md has no heading '## $version (YYYY-MM-DD)'"

rm -rf dist
"$python" -m build --outdir dist .
"$python" -m twine check --strict dist/*
make --no-print-directory deb
PACKAGES=dist tests/rigs/debian.sh lint
git tag -a "v$version" -m "edge-srcnn $version"
echo "tagged v$version; dist/ holds what RELEASING.md says to upload"
