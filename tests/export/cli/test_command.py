"""The command on the card: what was given, to the last digit, and the back end that Keras took."""

from pathlib import Path
from typing import Annotated

import typer
from typer.testing import CliRunner

from export.cli.command import command_again

HERE = Path()


def again(*words: str, backend: str = "tensorflow") -> str:
    app = typer.Typer()

    @app.command("export")
    def export(
        context: typer.Context,
        rate: float = 0.5,
        backend_: str = typer.Option("", "--backend"),
        data: Annotated[Path, typer.Option("--data")] = HERE,
    ) -> None:
        typer.echo(command_again(context, backend))

    return CliRunner().invoke(app, words).stdout.strip()


def test_numbers_keep_all_their_digits() -> None:
    assert again("--rate", "0.00123456789").endswith("export --rate 0.00123456789")
    assert again("--rate", "5").endswith("export --rate 5")
    assert again("--rate", "1e-5").endswith("export --rate 1e-05")
    assert again().endswith("export")


def test_another_back_end_is_named_wherever_it_was_chosen() -> None:
    assert again(backend="jax").endswith("export --backend jax")
    assert again("--backend", "jax", backend="jax").endswith("export --backend jax")


def test_folders_and_files_go_by_their_names_and_a_checkpoint_by_its_training_too(tmp_path: Path) -> None:
    assert again("--data", str(tmp_path)).endswith(f"--data {tmp_path.name}/")
    assert again("--data", str(tmp_path / "weights.h5")).endswith("--data weights.h5")
    checkpoint = tmp_path / "fast-m-x2.training" / "step-500.weights.h5"
    assert again("--data", str(checkpoint)).endswith("--data fast-m-x2.training/step-500.weights.h5")
