"""The Debian package's parts, without building it: tests/rigs/debian.sh does that."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
DEBIAN = ROOT / "packaging/debian"


@pytest.fixture
def build(monkeypatch) -> ModuleType:
    """The program that builds."""
    monkeypatch.syspath_prepend(ROOT / "packaging")
    monkeypatch.syspath_prepend(DEBIAN)
    return importlib.import_module("build")


@pytest.fixture
def wheels(build) -> ModuleType:
    """What lays out the wheels."""
    return sys.modules["wheels"]


@pytest.mark.parametrize(
    ("versions", "depends"),
    [
        (["3.11"], ["python3 (>= 3.11~)", "python3 (<< 3.12~)"]),
        (["3.11", "3.12"], ["python3 (>= 3.11~)", "python3 (<< 3.13~)"]),
        (["3.13", "3.11"], ["python3 (>= 3.11~)", "python3 (<< 3.12~) | python3 (>= 3.13~)", "python3 (<< 3.14~)"]),
    ],
)
def test_the_package_wants_a_python_that_it_was_compiled_for(build, versions, depends):
    assert list(build.python_depends(versions)) == depends


def test_what_is_shipped_is_there_and_the_unit_says_whose_it_is(build):
    assert all((ROOT / source).is_file() for source in build.SHIPPED)
    assert build.WRITTEN in (ROOT / "systemd/edge-srcnn@.service").read_text()


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_are_sound(name):
    assert (DEBIAN / name).read_text().startswith("#!/bin/sh\nset -e\n")
    subprocess.run(["sh", "-n", DEBIAN / name], check=True)


def project(site: Path, name: str, files: dict[str, str]) -> None:
    """Lay out a project as pip does."""
    facts = site / f"{name}-1.0.dist-info"
    for path, text in {**files, f"{facts.name}/METADATA": f"Name: {name}", f"{facts.name}/WHEEL": str(site)}.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (facts / "RECORD").write_text("".join(f"{path},,\n" for path in [*files, f"{facts.name}/METADATA", "../../bin/x"]))


def test_projects_lie_once_where_they_agree_and_twice_where_not(wheels, tmp_path):
    folders = {version: tmp_path / version for version in ("3.11", "3.13")}
    for version, site in folders.items():
        tag = version.replace(".", "")
        project(site, "same", {"same/__init__.py": "x = 1\n"})
        project(site, "native", {"native/__init__.py": "y = 1\n", f"native/_n.cpython-{tag}.so": version})
        project(site, "other", {"other/__init__.py": f"z = {version}\n"})
    lib = tmp_path / "lib"
    wheels.merge(folders, lib)
    found = {str(path.relative_to(lib)) for path in lib.rglob("*.*") if path.is_file() and "dist-info" not in str(path)}
    assert found == {
        "python3/site-packages/same/__init__.py",
        "python3/site-packages/native/__init__.py",
        "python3/site-packages/native/_n.cpython-311.so",
        "python3/site-packages/native/_n.cpython-313.so",
        *(f"python{version}/site-packages/other/__init__.py" for version in folders),
        *(f"python{version}/site-packages/{wheels.PTH}" for version in folders),
    }


def test_the_example_for_compose_builds_what_there_is():
    yaml = pytest.importorskip("yaml")
    example = yaml.safe_load((ROOT / "packaging/compose.yml").read_text())
    service = example["services"]["edge-srcnn"]
    folder = ROOT / "packaging" / service["build"]["context"]
    assert (folder / service["build"]["dockerfile"]).is_file()
    assert {volume.partition(":")[0] for volume in service["volumes"]} == set(example["volumes"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "program"),
    [
        (
            "bash",
            'source "$1"; COMP_WORDS=(edge-srcnn service inst); COMP_CWORD=2; _edge_srcnn_completion edge-srcnn\n'
            'printf "%s\\n" "${COMPREPLY[@]}"',
        ),
        ("zsh", '_arguments() { print -r -- "$@" }; words=(edge-srcnn service inst); CURRENT=3; source "$1"'),
        ("fish", 'source "$argv[1]"; complete -C "edge-srcnn service inst"'),
    ],
)
def test_each_shell_completes_by_the_script_that_is_shipped(build, tmp_path, shell, program):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script, command = tmp_path / "script", tmp_path / "edge-srcnn"
    script.write_text(build.completion.scripts()[build.completion.PLACES[shell]])
    run = "import sys; sys.argv[0] = 'edge-srcnn'; from edge_srcnn.cli import main; main()"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c "{run}" "$@"\n')
    command.chmod(0o755)
    words = [shell, "-c", program, *(["shell"] if shell != "fish" else []), str(script)]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "install" in done.stdout
    assert "uninstall" not in done.stdout
