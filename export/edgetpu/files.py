"""What the files for an Edge TPU are called."""

from dataclasses import dataclass
from pathlib import Path

_READY, _COMPILED = "-tpu", "_edgetpu"  # the second as the compiler has it


@dataclass(frozen=True)
class TpuFiles:
    """The files of one model in one folder."""

    folder: Path
    name: str

    @property
    def ready(self) -> Path:
        """The model that is ready to be compiled."""
        return self.folder / f"{self.name}{_READY}.tflite"

    @property
    def compiled(self) -> Path:
        """The model that was compiled."""
        return self.folder / f"{self.name}{_COMPILED}.tflite"

    @property
    def log(self) -> Path:
        """What the compiler wrote."""
        return self.folder / f"{self.name}{_COMPILED}.log"


def name_of(path: Path) -> str:
    """Name the model in a file that may be called like one of ``TpuFiles``."""
    return path.stem.removesuffix(_COMPILED).removesuffix(_READY)
