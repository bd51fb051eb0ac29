"""Make all files of a fleet from one list: a configuration for each camera, Prometheus' targets, the wall's cameras.

usage: python examples/fleet/configure.py examples/fleet/fleet.txt FOLDER [mqtt://BROKER]
"""

import json
import re
import sys
from pathlib import Path

LINE = re.compile(r"(?P<name>\S.*?)\s{2,}(?P<host>\S+):(?P<port>\d+)\s+(?P<source>\S.*)")
CAMERA = """# Written by configure.py; the service edge-srcnn@{short} reads it.
source = {source}
sinks = [
  "http://{listen}#cors=null", # which lets the wall read it, a page that is a file
  "{broker}#topic=edge-srcnn/{short}&snapshot=10",
]

[enhance]
model = "auto"
threads = 1 # of ten services on one machine each has its share; alone, leave it out

[service]
name = {name}
"""

if len(sys.argv) < 3:
    sys.exit(__doc__)
listed, folder = Path(sys.argv[1]), Path(sys.argv[2])
broker = sys.argv[3] if len(sys.argv) > 3 else "mqtt://127.0.0.1"
folder.mkdir(parents=True, exist_ok=True)
targets, wall, known = [], [], set()
for number, line in enumerate(listed.read_text(encoding="utf-8").splitlines(), 1):
    if not line.strip() or line.startswith("#"):
        continue
    found = LINE.fullmatch(line.strip())
    if found is None:
        sys.exit(f"{listed}, line {number}: give a name, two spaces or more, HOST:PORT and a source")
    name, host, port, source = found.group("name", "host", "port", "source")
    short = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or f"camera_{number}"
    if short in known:
        sys.exit(f"{listed}, line {number}: another camera's files are called {short}, too; choose another name")
    known.add(short)
    alone = host == "127.0.0.1"  # else others reach it, and have to show the token
    listen = f"{host}:{port}" if alone else f"0.0.0.0:{port}"
    words = {"name": json.dumps(name), "source": json.dumps(source)}  # JSON's strings are TOML's, too
    text = CAMERA.format(short=short, listen=listen, broker=broker, **words)
    if not alone:
        text = text.replace("#cors=null", "#cors=null&token_file=/etc/edge-srcnn/token")
    (folder / f"{short}.toml").write_text(text, encoding="utf-8")
    targets.append({"targets": [f"{host}:{port}"], "labels": {"instance": short}})
    wall.append(f"{name}=http://{host}:{port}")
(folder / "targets.json").write_text(json.dumps(targets, indent=2) + "\n", encoding="utf-8")
(folder / "cameras.txt").write_text("\n".join(wall) + "\n", encoding="utf-8")
print(f"{len(wall)} cameras: {folder}/*.toml, targets.json for Prometheus, cameras.txt for edge-srcnn wall")
