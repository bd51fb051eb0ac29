"""Code, messages and documents use the words of the glossary in CONTRIBUTING.md, one for each thing."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = (".py", ".md", ".js", ".html", ".toml", ".in", ".sh", ".yml")
NOT_HELD = ("CHANGELOG.md", "tests/test_words.py")
"""What was, and the words themselves."""

INSTEAD = {
    r"\bhand-?offs?\b": "bounded queue",
    r"\bleft behind\b": "stuck thread, abandoned thread",
    r"\bleftovers?\b|\badopt(s|ed|ing)?\b": "recording recovery",
    r"\bcompanions?\b": "stream copy",
    r"\bsteady[ _](source|sink|upscaler)s?\b": "reconnecting source, retrying sink, failover",
    r"\brungs?\b|\bcontests?\b": "model of the ladder, candidate, successive halving",
    r"\bcrowd(s|ed)?\b|\bthin(s|ned)? out\b": "connection limit, idle limit",
    r"\bfates?\b": "op placement",
    r"\boccasions?\b": "tuning key",
    r"\bwish(es)?\b": "overrides, requested settings",
    r"\bsharpeners?\b|\bworkspaces?\b": "tiled inference",
    r"\blent\b": "overlap rows",
    r"\bcut[ _]short\b|spelling\.nearest": "is_truncated, suggest",
    r"\bsquare symmetr(y|ies)\b|\bturned (and|or) mirrored\b": "rotations and flips (D4)",
    r"\btroubles?\b|\b(is|are) well\b": "last error, healthy",
    r"\bup-scal": "upscale",
    r"\b(made|make|makes) small\b": "downscale",
    r"(?<!ground )(?<!ground-)\btruths?\b": "ground truth, HR",
    r"\bjudg(e|es|ed|ing|ement|ements)\b": "evaluate",
    r"\brounded (network|layers?|weights|convolutions?)\b": "fake quantization, quantized",
}


def words_of(text: str) -> str:
    """Split names at their underscores and humps, so that ``\\b`` finds words in them."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text.replace("_", " ")).lower()


@cache
def suspects() -> dict[str, str]:
    """The files in which one of all the words is found."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.splitlines() if name.endswith(KINDS) and name not in NOT_HELD]
    texts = {name: (ROOT / name).read_text() for name in names}
    anyone = re.compile("|".join(INSTEAD))
    return {name: text for name, text in texts.items() if anyone.search(text) or anyone.search(words_of(text))}


def found(pattern: str, text: str) -> list[str]:
    return [
        line.strip() for line in text.splitlines() if re.search(pattern, words_of(line)) or re.search(pattern, line)
    ]


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
@pytest.mark.parametrize("pattern", INSTEAD)
def test_private_words_are_gone(pattern: str) -> None:
    hits = [f"{name}: {line}" for name, text in suspects().items() for line in found(pattern, text)]
    assert not hits, f"say: {INSTEAD[pattern]}"


def test_a_word_is_found_in_names_and_prose() -> None:
    assert found(r"\brungs?\b", "self._best_rung = 1") == ["self._best_rung = 1"]
    assert found(r"\brungs?\b", "class LiveRung:") == ["class LiveRung:"]
    assert found(r"(?<!ground )(?<!ground-)\btruths?\b", "the ground truth\nthe truth") == ["the truth"]
    assert not found(r"\blent\b", "silent")


def test_the_glossary_has_the_words_to_use() -> None:
    glossary = (ROOT / "CONTRIBUTING.md").read_text().partition("## Glossary")[2]
    for word in ("bounded queue", "stream copy", "op placement", "tuning key", "overlap rows", "ground truth", "D4"):
        assert word in glossary
