"""Generated rows arrive in a file, whole, and make new versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet
from trainer_builders import order, settings
from typer.testing import CliRunner, Result

from perennial_core.registry import Registry
from perennial_trainer.commands import app
from perennial_trainer.record import Start
from perennial_trainer.run import run


def generate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["generate", *map(str, arguments)])


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
async def test_generated_and_appended_rows_make_new_versions(
    tmp_path: Path, registry: Registry, suffix: str
) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / f"points.{suffix}"
    given = order(model=f"tests/generated-{suffix}", uri=f"file:///data/points.{suffix}")

    assert generate(file, "--rows", "50", "--seed", "1").stdout == f"{file}: 50 rows\n"
    first = await run(Start(given, settings(tmp_path, run_id="one")), registry)
    assert generate(file, "--rows", "30", "--append").stdout == f"{file}: 80 rows\n"
    second = await run(Start(given, settings(tmp_path, run_id="two")), registry)

    manifest = await registry.manifest(given.key, second)
    assert (first, second) == (1, 2)
    assert manifest.rows.training + manifest.rows.holdout == 80


def test_generated_rows_are_the_line_plus_noise(tmp_path: Path) -> None:
    file = tmp_path / "points.parquet"
    generate(file, "--rows", "500", "--noise", "0", "--seed", "3")
    table = parquet.read_table(file)
    expected = [2 * x + 3 for x in table["x"].to_pylist()]
    assert table["y"].to_pylist() == pytest.approx(expected)


def test_generating_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    for rows in ("10", "20"):
        generate(file, "--rows", rows)
    assert len(file.read_text().splitlines()) == 21
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv"]
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "arguments", "code", "message"),
    [
        ("points.txt", [], 78, "points.txt: the suffix must be .csv, .parquet or .jsonl"),
        ("none/points.csv", [], 78, "points.csv: cannot be written: No such file or directory"),
        ("points.csv", ["--rows", "0"], 78, "rows: must be between 1 and"),
        ("other.csv", ["--append"], 65, "other.csv: has the columns a, b, not x and y"),
    ],
)
def test_what_cannot_be_generated_is_said_on_one_line(
    tmp_path: Path, name: str, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    done = generate(tmp_path / name, *arguments)
    assert done.exit_code == code
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
