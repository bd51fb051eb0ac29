"""The Edge TPU's way, with a stand-in for its library: which device, which bytes, and why not."""

import os
import subprocess
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.errors import DelegateLost, ModelUnsupported, Unavailable, UsageError
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from edge_srcnn.system.worker_process import Child
from edge_srcnn.upscaler import load_model, open_model
from tests.edge_srcnn.cleaning import cleaning_model, fast_like
from tests.edge_srcnn.delegates.build import build_without_a_needed_library, for_another_processor
from tests.edge_srcnn.delegates.conftest import PLAIN

pytestmark = pytest.mark.slow

TWO = "usb:/sys/bus/usb/devices/2-1 pci:/dev/apex_0"


@pytest.fixture
def plane(texture):
    return texture(75, 101)


@pytest.mark.parametrize("region", [None, (20, 30, 70, 80)])
@pytest.mark.parametrize("name", [PLAIN, "fast-s-x2", "fast-s-x3"])
def test_its_form_gives_the_processors_bytes(coral, compiled_model, upscalers, plane, traces, region, name):
    part = None if region is None else Tile(*region)
    here = upscalers(name=name)
    with load_model(compiled_model(name=name), engine="edgetpu") as upscaler:
        assert (upscaler.model, upscaler.scale) == (name, here.scale)
        assert upscaler.engine == "edgetpu"
        assert upscaler.self_test() in ("identical", "within 1 level")
        for each in (plane, plane[:30, :20], plane):  # larger than a tile, and smaller
            assert (upscaler.upscale(each, region=part) == here.upscale(each, region=part)).all()


@pytest.mark.parametrize("region", [None, (20, 30, 40, 50)])
@pytest.mark.parametrize("base", [LUMA_PLANE, BICUBIC_PLANE])
def test_a_form_of_scale_1_gives_the_processors_bytes(coral, compiled_model, plane, traces, region, base):
    part = None if region is None else Tile(*region)
    model = cleaning_model(fast_like(), plane=base)
    with open_model(model) as here, load_model(compiled_model(model=model), engine="edgetpu", strength=1) as upscaler:
        assert (upscaler.engine, upscaler.scale) == ("edgetpu", 1)
        assert upscaler.self_test() in ("identical", "within 1 level")
        for each in (plane, plane[:30, :20], plane):  # larger than a tile, and smaller
            assert (upscaler.upscale(each, region=part) == here.upscale(each, region=part)).all()


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        ("edgetpu", ""),
        ("edgetpu:usb", "device=usb\n"),
        ("edgetpu:pci", "device=pci\n"),
        ("edgetpu:0", "device=:0\n"),
        ("edgetpu:1", "device=:1\n"),
        ("edgetpu:usb:0", "device=usb:0\n"),
    ],
)
def test_the_device_is_named_as_libedgetpu_wants(coral, compiled_model, tmp_path, engine, options):
    coral.setenv("CORAL_DEVICES", TWO)
    coral.setenv("CORAL_NOTES", str(tmp_path / "notes"))
    with load_model(compiled_model(), engine=engine) as upscaler:
        assert upscaler.engine == engine
    assert (tmp_path / "notes").read_text() == options


def test_what_is_no_device_is_a_mistake():
    with pytest.raises(UsageError, match="give edgetpu, edgetpu:usb, edgetpu:pci"):
        backend_named("edgetpu:gpu")


@pytest.mark.parametrize("name", [PLAIN, "fast-s-x2"])
def test_several_devices_share_each_picture(coral, compiled_model, tmp_path, upscalers, texture, traces, name):
    coral.setenv("CORAL_DEVICES", TWO)
    coral.setenv("CORAL_NOTES", str(tmp_path / "notes"))
    plane = texture(150, 101)
    with load_model(compiled_model(name=name), engine="edgetpu:0,1") as upscaler:
        assert upscaler.engine == "edgetpu:0,1"
        assert (upscaler.upscale(plane) == upscalers(name=name).upscale(plane)).all()
        assert upscaler.self_test() in ("identical", "within 1 level")
    assert (tmp_path / "notes").read_text() == "device=:0\ndevice=:1\n"


@pytest.mark.parametrize("engine", ["edgetpu:0,0", "edgetpu:0,", "edgetpu:0,gpu"])
def test_several_devices_that_make_no_sense_are_a_mistake(compiled_model, engine):
    with pytest.raises(UsageError, match=r"give different devices|give edgetpu"):
        load_model(compiled_model(), engine=engine)


def test_one_of_several_that_is_missing_leaves_nothing_of_the_others(coral, compiled_model, traces):
    with pytest.raises(Unavailable):
        load_model(compiled_model(), engine="edgetpu:0,7")


def test_auto_takes_it_when_it_is_there_and_the_processor_when_not(coral, compiled_model, plane, upscalers, caplog):
    with load_model(compiled_model()) as upscaler:
        assert upscaler.engine == "edgetpu"
    coral.setenv("CORAL_DEVICES", "")
    with load_model(compiled_model()) as upscaler:
        assert upscaler.engine == upscalers(name=PLAIN).engine
        assert (upscaler.upscale(plane) == upscalers(name=PLAIN).upscale(plane)).all()
    assert "no Edge TPU is there" in caplog.text
    assert "the processor computes instead" in caplog.text
    coral.setenv("CORAL_ABORTS", "create")
    with load_model(compiled_model()) as upscaler:
        assert upscaler.engine == upscalers(name=PLAIN).engine


def test_a_model_that_is_not_compiled_is_refused(coral, compiled_model):
    for name in (None, compiled_model(None)):
        with pytest.raises(ModelUnsupported, match="not compiled for an Edge TPU; 'edge-srcnn compile"):
            load_model(name, engine="edgetpu")
    with load_model(compiled_model(None)) as upscaler:
        assert not upscaler.engine.startswith("edgetpu")


def test_one_that_is_refused_without_a_reason_is_of_another_generation(coral, compiled_model):
    coral.setenv("CORAL_REFUSES", "1")
    with pytest.raises(Unavailable, match="libedgetpu and the interpreter are of different generations: update"):
        load_model(compiled_model(), engine="edgetpu:usb")


def test_one_that_crashes_at_the_start_may_be_of_another_generation(coral, compiled_model):
    coral.setenv("CORAL_ABORTS", "create")
    with pytest.raises(DelegateLost, match=r"cannot begin .*SIGABRT.*different generations"):
        load_model(compiled_model(), engine="edgetpu")


def test_a_device_that_is_not_among_them(coral, compiled_model):
    for wanted in ("pci", "usb:1", ":1"):
        with pytest.raises(Unavailable, match=f"there is no device '{wanted}'; there are: usb /sys/bus"):
            load_model(compiled_model(), engine=f"edgetpu:{wanted}".replace("::", ":"))


def test_no_device(coral, compiled_model):
    coral.setenv("CORAL_DEVICES", "")
    with pytest.raises(Unavailable, match=r"libedgetpu.so.1: no Edge TPU is there; is it plugged in\? lsusb"):
        load_model(compiled_model(), engine="edgetpu")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder, _: folder, "there is no such library; install libedgetpu1-std"),
        (lambda folder, real: for_another_processor(folder / real.name, real), "was built for another processor"),
        (
            lambda folder, real: build_without_a_needed_library(folder / real.name, "edgetpu.c", "libusb-1.0.so.99"),
            "needs libusb-1.0.so.99, which is not there",
        ),
    ],
)
def test_a_library_that_cannot_be_loaded(coral, libraries, compiled_model, tmp_path, make, said):
    make(tmp_path / "libraries", libraries.folder / "coral" / "libedgetpu.so.1")
    coral.setenv("LD_LIBRARY_PATH", str(tmp_path / "libraries"))
    with pytest.raises(Unavailable, match=f"libedgetpu.so.1: {said}"):
        load_model(compiled_model(), engine="edgetpu")


@pytest.fixture
def machine():
    """A tree with a Coral USB accelerator in it, ``sys`` and ``dev``, that every user may look at; and its file."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        yield root, plug_in(root)


def plug_in(root):
    device, node = root / "sys/bus/usb/devices/2-1", root / "dev/bus/usb/002/004"
    device.mkdir(parents=True)
    node.parent.mkdir(parents=True)
    node.touch()
    for name, content in {"idVendor": "18d1", "idProduct": "9302", "busnum": "2", "devnum": "4"}.items():
        (device / name).write_text(content + "\n")
    return node


def why(root, wanted="usb"):
    with closing(Child("tests.edge_srcnn.delegates.asking:asks", root=str(root))) as child:
        return child.call(10, wanted)


def test_a_device_without_permission(coral, machine):
    root, node = machine
    node.chmod(0o000)
    assert why(root).startswith(f"no permission for {node}: install the udev rule")
    node.chmod(0o666)
    assert "different generations" in why(root)


def test_a_device_that_is_busy(coral, machine):
    root, node = machine
    node.chmod(0o666)
    nobody = {"user": 65534} if os.geteuid() == 0 else {}
    with subprocess.Popen(
        ["sh", "-c", 'exec 3<>"$0"; echo; exec sleep 60', str(node)], stdout=subprocess.PIPE, **nobody
    ) as holder:
        holder.stdout.readline()
        assert why(root) == f"the Edge TPU is busy: process {holder.pid} uses {node}; end it, or name another device"
        holder.kill()


def test_a_device_whose_file_is_not_in_the_container(coral, machine):
    root, node = machine
    node.unlink()
    assert "give the container its devices (--device)" in why(root)


def test_each_cause_has_words_of_its_own(coral, machine):
    root, node = machine
    node.chmod(0o666)
    said = {why(root), why(root, "pci"), why(root, "usb:3")}
    node.chmod(0o000)
    said.add(why(root))
    node.unlink()
    said.add(why(root))
    assert len(said) == 5
    assert not any("\n" in each for each in said)
