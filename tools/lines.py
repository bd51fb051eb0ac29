"""Count the code of ``edge_srcnn``: lines without comments, docstrings and blanks, by room; and what imports what."""

import ast
import io
import signal
import statistics
import sys
import tokenize
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONG = 300
"""Lines of a file, all counted, above which it wants a reason."""

_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def code_lines(text: str) -> int:
    """Count the lines of a module that hold code."""
    docstrings = set[int]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = set[int]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def room_of(package: Path, file: Path) -> str:
    """Name the room of a file: its folder at the top of the package, or the file itself."""
    inside = file.relative_to(package)
    return inside.parts[0] + "/" if len(inside.parts) > 1 else inside.stem


def main() -> None:
    """Print the tables of one package, ``edge_srcnn`` where none is named."""
    package = ROOT / (sys.argv[1] if len(sys.argv) > 1 else "edge_srcnn")
    files = {file: file.read_text() for file in sorted(package.rglob("*.py"))}
    code = {file: code_lines(text) for file, text in files.items()}
    rooms: dict[str, list[Path]] = {}
    for file in files:
        rooms.setdefault(room_of(package, file), []).append(file)

    print(f"{'room':14}{'files':>6}{'code':>8}")
    for room, members in sorted(rooms.items(), key=lambda each: -sum(code[file] for file in each[1])):
        print(f"{room:14}{len(members):6}{sum(code[file] for file in members):8,}")
    print(f"{'all':14}{len(files):6}{sum(code.values()):8,}")
    every = [text.count("\n") for text in files.values()]
    print(f"\nmedian file: {statistics.median(code.values()):.0f} lines of code, {statistics.median(every):.0f} in all")
    long = {file: lines for file, lines in zip(files, every, strict=True) if lines > LONG}
    print(f"files over {LONG} lines: {len(long)}")
    for file, lines in long.items():
        print(f"  {file.relative_to(ROOT)}: {lines}")

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each.get("containers") == [package.name])
    in_layers = sum(layer.count("|") + 1 for layer in layers)
    print(f"\nlayers of the import contract, from the top: {len(layers)}; rooms: {in_layers}")
    for layer in layers:
        print(f"  {layer}")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ``head`` may end it
    main()
