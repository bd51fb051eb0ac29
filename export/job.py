"""Describe an export: what to make, of what, and which files that gives."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from edge_srcnn.errors import NoInput, OutputExists, UsageError
from edge_srcnn.models.bundled import BUNDLED, bundled_models
from export.architectures import Architecture
from export.data.degradation import KINDS, check_degradation
from export.data.patch_spec import PatchSpec, patch_spec
from export.data.plane_cache import PlaneCache
from export.edgetpu.compiler import find_compiler
from export.edgetpu.form import TpuFiles
from export.packaging import model_name
from export.training.plan import SYMMETRIES, TrainingPlan, check_edges, check_filters, is_short


@dataclass(frozen=True)
class ExportJob:
    """Describe what to make, and of what.

    Attributes
    ----------
    architecture, plan
        The network, and how it is trained.
    output
        Folder for the files and the checkpoints.
    data
        Folders of training pictures; none means the photographs inside scikit-image.
    licence
        Terms of the training pictures.
    evaluate_on
        Folders of benchmark pictures for the report; none means the held-out training pictures.
    weights
        Published weights to be packaged as they are, instead of a training.
    start_from
        A checkpoint or model of the same architecture with which the training begins; of another scale, all but the
        last layer.
    teachers
        Models whose pictures are learned instead of the ground truth.
    degradation
        Name of the degradation that makes LR of HR.
    patch_px
        Side of a training patch in pixels of the plane; None: what suits the network.
    int8, float32
        Which models to write.
    onnx
        Whether to write the float32 network as ONNX, too.
    cache
        Folder that keeps prepared pictures; None: those that memory does not hold are in ``output``, while they are
        needed.
    qat_steps
        Steps of quantization-aware fine-tuning after GPTQ; 0 for none.
    edgetpu
        Whether to write the int8 model's form for an Edge TPU too, and to compile it where the compiler is.
    restart, overwrite
        Whether to drop checkpoints, and to replace files that exist.
    command
        What makes the same model again, for its card.
    called
        What the model is called; None: after its network, and never as a bundled model.
    is_short
        Whether the training was short, which its name tells then.
    """

    architecture: Architecture
    plan: TrainingPlan
    output: Path
    data: tuple[Path, ...] = ()
    licence: str = "not stated"
    evaluate_on: tuple[Path, ...] = ()
    weights: Path | None = None
    start_from: Path | None = None
    teachers: tuple[Path, ...] = ()
    int8: bool = True
    float32: bool = False
    onnx: bool = False
    edgetpu: bool = False
    degradation: str = "bicubic"
    patch_px: int | None = None
    cache: Path | None = None
    qat_steps: int = 0
    restart: bool = False
    overwrite: bool = False
    command: str | None = None
    called: str | None = None
    is_short: bool = False

    def __post_init__(self) -> None:
        if self.output.resolve() == BUNDLED.resolve():
            raise UsageError(f"{self.output}: the bundled models' folder, which an upgrade replaces; give another -o")
        if not (self.int8 or self.float32):
            raise UsageError("nothing to write: give --int8 or --float32")
        if self.edgetpu and not self.int8:
            raise UsageError("--edgetpu needs --int8: an Edge TPU computes nothing else")
        if self.qat_steps and not self.int8:
            raise UsageError("--qat-steps needs --int8: it trains the quantized network")
        if self.teachers and self.weights is not None:
            raise UsageError("--weights are packaged as they are: nothing is left to teach; drop --teacher")
        check_degradation("--degradation", self.degradation, self.architecture.scale, self.degradation)
        check_filters(SYMMETRIES[self.plan.symmetry], self.architecture)
        check_edges(self.plan.edges, self.architecture, self.degradation)
        for option, path in (("--start-from", self.start_from), ("--weights", self.weights)):
            if self.restart and path is not None and self.training_folder.resolve() in path.resolve().parents:
                raise UsageError(f"{option} {path}: --restart would drop it; give another -o")

    def check_files(self) -> None:
        """Look for what will be read, and for what will be written.

        Raises
        ------
        NoInput
            A folder or a file is missing.
        OutputExists
            A result is there already, and must not be replaced.
        """
        for folder in (*self.data, *self.evaluate_on):
            if not os.path.isdir(folder):
                raise NoInput(f"{folder}: no such folder")
        for path in (self.weights, self.start_from, *self.teachers):
            if path is not None and not os.path.isfile(path):
                raise NoInput(f"{path}: no such file")
        compiler = find_compiler() if self.edgetpu else None
        for possible in self.possible if not self.overwrite else ():
            for path in (*possible.targets().values(), *((possible.tpu_files.compiled,) if compiler else ())):
                if os.path.exists(path):
                    raise OutputExists(f"{path}: exists already; give --overwrite to replace it")

    @property
    def network_name(self) -> str:
        """Name the network, its scale, and the kind of its pictures."""
        return model_name(self.architecture, self.kind)

    @property
    def name(self) -> str:
        """Name the model."""
        if self.called is not None:
            return self.called
        if self.is_short:
            return f"{self.network_name}-short"
        return f"{self.network_name}-own" if self.network_name in bundled_models() else self.network_name

    @property
    def begun(self) -> bool:
        """Tell whether the training begins with trained weights, or has a teacher."""
        return self.start_from is not None or bool(self.teachers)

    @property
    def possible(self) -> "tuple[ExportJob, ...]":
        """List what may come of it: how many steps fit into ``minutes`` shows at the end."""
        if self.called is not None or self.weights is not None:
            return (self,)
        if self.plan.steps is not None:
            return (replace(self, is_short=is_short(self.plan.steps, begun=self.begun)),)
        return self, replace(self, is_short=True)

    @property
    def kind(self) -> str:
        """Name the degradation after which models of this kind are called, and by which they are evaluated."""
        return KINDS.get(self.degradation, self.degradation)

    @property
    def patches(self) -> PatchSpec:
        """Describe how patches are cut out of the pictures."""
        return patch_spec(self.architecture, self.patch_px, degradation=self.degradation)

    @property
    def plane_cache(self) -> PlaneCache:
        """Say where prepared pictures are kept."""
        if self.cache is not None:
            return PlaneCache(self.cache, above=0, is_kept=True)
        return PlaneCache(self.output)

    @property
    def training_folder(self) -> Path:
        """Name the folder of the checkpoints."""
        return self.output / f"{self.network_name}.training"

    @property
    def tpu_files(self) -> TpuFiles:
        """Name the files that are made for an Edge TPU."""
        return TpuFiles(self.output, self.name)

    def targets(self) -> dict[str, Path]:
        """List the files that will be written, by kind."""
        kinds = {"int8": self.int8, "float32": self.float32}
        suffixes = {"int8": ".tflite", "float32": "-float32.tflite"}
        files = {kind: self.output / f"{self.name}{suffixes[kind]}" for kind, wanted in kinds.items() if wanted}
        if self.edgetpu:
            files["edgetpu"] = self.tpu_files.ready
        if self.onnx:
            files["onnx"] = self.output / f"{self.name}.onnx"
        return files | {"card": self.output / f"{self.name}.md", "report": self.output / f"{self.name}.html"}
