"""Stand-ins for ``edgetpu_compiler``: shell scripts that print what it prints, and end as it ends."""

import shlex
from pathlib import Path

VERSION = "Edge TPU Compiler version 16.0.384591198\n"
TIMER = "Started a compilation timeout timer of 180 seconds.\n"
END = "Compilation child process completed within timeout period.\n"
SUCCESS = f"""{VERSION}{TIMER}
Model compiled successfully in 37 ms.

Input model: model.tflite
Input size: 73.55KiB
Output model: model_edgetpu.tflite
Output size: 164.38KiB
On-chip memory used for caching model parameters: 83.00KiB
On-chip memory remaining for caching model parameters: 7.82MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 3
Operation log: model_edgetpu.log

Operator                       Count      Status

CONV_2D                        3          Mapped to Edge TPU
{END}Compilation succeeded!
"""
OLD_SUCCESS = (
    SUCCESS.replace(END, "").replace("Compilation succeeded!\n", "").replace("16.0.384591198", "15.0.340273435")
)
PARTIAL = f"""{VERSION}{TIMER}
Model compiled successfully in 41 ms.

Number of Edge TPU subgraphs: 1
Total number of operations: 4
Operation log: model_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will instead run on the CPU, which is slower. If possible, consider updating your model to use only operations supported by the Edge TPU. For details, visit g.co/coral/model-reqs.
Number of operations that will run on Edge TPU: 3
Number of operations that will run on CPU: 1

Operator                       Count      Status

CONV_2D                        3          Mapped to Edge TPU
DEPTH_TO_SPACE                 1          Operation is otherwise supported, but not mapped due to some unspecified limitation
{END}Compilation succeeded!
"""  # noqa: E501
LARGE = f"""{VERSION}{TIMER}ERROR: Restored original execution plan after delegate application failure.
Compilation failed: Compilation failed due to large activation tensors in model.
{END}Compilation failed!
"""
UNKNOWN = f"""{VERSION}ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'. An older version of this builtin might be supported. Are you using an old TFLite binary with a newer model?

ERROR: Registration failed.

Invalid model: model.tflite
Model could not be parsed
"""  # noqa: E501
INTERNAL = f"{VERSION}\nInternal compiler error. Aborting! \n"
TOO_LONG = f"{VERSION}{TIMER}Compilation timeout. This is usually caused by large activations.\nCompilation failed!\n"
FLOATING = f"{VERSION}Invalid model: model.tflite\nModel not quantized\n"
INVALID = f"{VERSION}Invalid model: model.tflite\n"
DYNAMIC = f"""{VERSION}{TIMER}ERROR: Attempting to use a delegate that only supports static-sized tensors with a graph that has dynamic-sized tensors.
Compilation failed: Model failed in Tflite interpreter. Please ensure model can be loaded/run in Tflite interpreter.
{END}Compilation failed!
"""  # noqa: E501
SILENT = f"{VERSION}{TIMER}{END}Compilation failed! \n"


def stand_in(folder: Path, text: str, *, output: bytes | None = None, status: int = 0, then: str = "") -> Path:
    """A compiler that checks its arguments, writes ``text`` and ``output``, does ``then``, and ends with ``status``."""
    (folder / "log.txt").write_text(text)
    copy = ""
    if output is not None:
        (folder / "made").write_bytes(output)
        copy = f'cp {shlex.quote(str(folder / "made"))} "$5/$(basename "$6" .tflite)_edgetpu.tflite"'
    path = folder / "edgetpu_compiler"
    path.write_text(
        f"""#!/bin/sh
echo "$@" >{shlex.quote(str(folder / "arguments"))}
[ "$1 $2 $4" = "-s -t -o" ] && [ -f "$6" ] && [ $# = 6 ] || {{ echo "bad arguments: $*"; exit 64; }}
cat {shlex.quote(str(folder / "log.txt"))}
{copy}
{then}
exit {status}
"""
    )
    path.chmod(0o755)
    return path
