# Sourced by the camera rigs: a tree of Debian trixie (Raspberry Pi OS 13: CPython 3.13) for x86-64 with libcamera,
# picamera2 and the locked wheels, in .venvs/rig-trixie/root; made once, in about half a minute.
# Needs root, apt and gcc.
tree=$PWD/.venvs/rig-trixie/root
runtime=$PWD/.venvs/runtime/bin/python

need() { # COMMAND PACKAGE...: install them when the command is missing
  local command=$1
  shift
  command -v "$command" >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends "$@" >/dev/null; }
}

private_apt() { # FOLDER SUITE...: apt options for that folder alone, from the mirror that this machine uses
  local folder=$1 mirror suite
  shift
  mkdir -p "$folder"/lists/partial "$folder"/cache/archives/partial
  : >"$folder/status"
  mirror=$(apt-get indextargets --format '$(SITE)' | grep -v security | sort | uniq -c | sort -rn | awk 'NR==1{print $2}')
  for suite; do
    echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
  done >"$folder/sources.list"
  apt_options=(-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root
    -o APT::Install-Recommends=no -o Acquire::Languages=none -o Dir::Etc::sourcelist="$folder/sources.list"
    -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$folder/lists" -o Dir::State::status="$folder/status"
    -o Dir::Cache="$folder/cache")
  apt-get "${apt_options[@]}" update -qq
}

install_wheels() { # ARGUMENT...: of pip, for CPython 3.13
  local platforms=() tag
  for tag in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28; do platforms+=(--platform "${tag}_x86_64"); done
  "$runtime" -m pip install -qq --disable-pip-version-check --root-user-action=ignore --no-deps \
    --only-binary=:all: --implementation cp --python-version 3.13 --abi cp313 --abi abi3 --abi none "${platforms[@]}" \
    --target "$tree/opt/site" "$@"
}

stand_in() { # MODULE TEXT: for libraries that picamera2 imports, and that neither rig needs
  mkdir -p "$(dirname "$tree/opt/stand-ins/$1")"
  printf '%s\n' "$2" >"$tree/opt/stand-ins/$1"
}

make_tree() {
  local made=$tree/../.made folder deb
  [ -x "$runtime" ] || make .venvs/runtime/.made
  if [ -e "$made" ] && [ ! requirements/runtime.txt -nt "$made" ] && [ ! tests/rigs/trixie.txt -nt "$made" ] &&
    [ ! tests/rigs/trixie.sh -nt "$made" ] && [ ! tests/rigs/buffers.c -nt "$made" ]; then
    return
  fi
  need gcc gcc libc6-dev
  rm -rf "$(dirname "$tree")"
  private_apt "$(dirname "$tree")/apt" trixie trixie-backports
  apt-get "${apt_options[@]}" install -y -qq -t trixie-backports --download-only libc6 dash coreutils python3 \
    python3-libcamera libcamera-ipa python3-prctl libarchive13t64 media-types >/dev/null
  mkdir -p "$tree"/usr/{bin,sbin,lib,lib64,local/lib} "$tree"/{dev,proc,sys,tmp,project}
  for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$tree/$folder"; done
  for deb in "$tree"/../apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -C "$tree" -x --keep-directory-symlink
  done
  install_wheels --require-hashes -r requirements/runtime.txt
  install_wheels -r tests/rigs/trixie.txt
  stand_in kms.py 'PixelFormats = type("Names", (), {"__getattr__": lambda names, name: name})()'
  stand_in pidng/__init__.py ''
  stand_in pidng/camdefs.py 'Picamera2Camera = object'
  stand_in pidng/core.py 'PICAM2DNG = object'
  mkdir -p "$tree/usr/share/libcamera/pipeline/virtual"
  cp tests/rigs/virtual.yaml "$tree/usr/share/libcamera/pipeline/virtual/"
  gcc -shared -fPIC -O2 -o "$tree/usr/local/lib/buffers.so" tests/rigs/buffers.c -ldl
  cp -a /dev/null /dev/urandom "$tree/dev/"
  rm -rf "$tree/../apt"
  touch "$made"
}
