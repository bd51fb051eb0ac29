"""What Linux tells of the processor, and what of it may be missing."""

import json
import os
import platform
import shutil
import subprocess
import sys

import pytest

from edge_srcnn.engine import processor
from edge_srcnn.engine.processor import available_processors, this_processor

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) N100: 4 cores
flags\t\t: fpu avx2 avx_vnni

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
RASPBERRY_PI_5 = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd asimddp
CPU implementer\t: 0x41

Revision\t: d04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""
RASPBERRY_PI_3 = """processor\t: 0
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd03
CPU revision\t: 4

Model\t\t: Raspberry Pi 3 Model B Plus Rev 1.3
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Look at a machine whose /proc/cpuinfo and cache folder hold this, or are not there."""
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor, "_CACHES", tmp_path / "cache")

    def look(cpuinfo: str | None = None, caches: list[dict[str, str]] | None = None) -> processor.Processor:
        if cpuinfo is not None:
            (tmp_path / "cpuinfo").write_text(cpuinfo)
        for number, files in enumerate(caches or []):
            (tmp_path / f"cache/index{number}").mkdir(parents=True)
            for name, content in files.items():
                (tmp_path / f"cache/index{number}/{name}").write_text(content + "\n")
        this_processor.cache_clear()
        return this_processor()

    yield look
    this_processor.cache_clear()


def cache(kind: str, level: str, size: str) -> dict[str, str]:
    return {"type": kind, "level": level, "size": size}


@pytest.mark.parametrize(
    ("cpuinfo", "name", "flags"),
    [
        (X86, "Intel(R) N100: 4 cores", {"fpu", "avx2", "avx_vnni"}),
        (RASPBERRY_PI_5, "Raspberry Pi 5 Model B Rev 1.0", {"fp", "asimd", "asimddp"}),
        (
            RASPBERRY_PI_3,
            "Raspberry Pi 3 Model B Plus Rev 1.3",
            {"fp", "asimd", "evtstrm", "crc32", "cpuid", "cortex-a53"},
        ),
        (
            RASPBERRY_PI_3.replace("0xd03", "0xd08").replace("3 Model B Plus Rev 1.3", "4 Model B Rev 1.4"),
            "Raspberry Pi 4 Model B Rev 1.4",
            {"fp", "asimd", "evtstrm", "crc32", "cpuid"},
        ),
    ],
)
def test_name_and_flags_are_those_of_the_first_processor(machine, cpuinfo, name, flags):
    found = machine(cpuinfo)
    assert (found.name, found.flags) == (name, frozenset(flags))
    assert found.machine == platform.machine()


@pytest.mark.parametrize("cpuinfo", [None, "", "nothing that has a colon\n", "model name\t:\nflags\t:\n"])
def test_a_machine_that_tells_nothing_has_a_name_and_no_flags(machine, cpuinfo):
    found = machine(cpuinfo)
    assert found.name
    assert found.flags == frozenset()
    assert found.caches == {}


def test_data_caches_are_told_in_bytes_by_their_level(machine):
    found = machine(
        RASPBERRY_PI_5,
        [
            cache("Data", "1", "64K"),
            cache("Instruction", "1", "48K"),
            cache("Unified", "2", "512K"),
            cache("Unified", "3", "2M"),
        ],
    )
    assert found.caches == {1: 65_536, 2: 524_288, 3: 2_097_152}


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "Unified", "level": "3"},
        {"level": "3", "size": "2048K"},
        cache("Unified", "", "2048K"),
        cache("Unified", "three", "2048K"),
        cache("Unified", "3", ""),
        cache("Unified", "3", "K"),
        cache("Unified", "3", "lots"),
        cache("Unified", "3", "2048Q"),
        {},
    ],
    ids=str,
)
def test_a_cache_that_is_not_fully_told_is_left_out_and_the_others_stay(machine, broken):
    found = machine(X86, [broken, cache("Unified", "2", "1024K"), broken])
    assert found.caches == {2: 1 << 20}


def test_a_machine_is_looked_at_once(machine):
    found = machine(X86)
    processor._CPUINFO.write_text(RASPBERRY_PI_5)
    assert this_processor() is found


def said_by(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    return done.stdout


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere lscpu has other names and no caches")
@pytest.mark.skipif(shutil.which("lscpu") is None, reason="needs lscpu")
def test_this_very_machine_is_what_lscpu_says():
    told = {field["field"]: field["data"] for field in json.loads(said_by("lscpu", "--json"))["lscpu"]}
    caches = json.loads(said_by("lscpu", "--caches=NAME,ONE-SIZE", "--bytes", "--json"))["caches"]
    found = this_processor()
    assert (found.name, found.machine) == (told["Model name:"], told["Architecture:"])
    assert found.flags == set(told["Flags:"].split())
    assert found.caches == {int(cache["name"][1]): int(cache["one-size"]) for cache in caches if cache["name"] != "L1i"}


@pytest.mark.skipif(shutil.which("nproc") is None, reason="needs nproc")
def test_as_many_processors_are_available_as_nproc_says():
    assert available_processors() == int(said_by("nproc"))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not on this system")
def test_only_the_processors_count_that_this_process_may_use():
    code = "from edge_srcnn.engine.processor import available_processors; print(available_processors())"
    one = min(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: os.sched_setaffinity(0, {one}),
    )
    assert done.stdout == "1\n"


@pytest.mark.parametrize(("counted", "available"), [(6, 6), (None, 1)])
def test_a_system_that_does_not_tell_which_says_how_many_there_are(monkeypatch, counted, available):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert available_processors() == available
