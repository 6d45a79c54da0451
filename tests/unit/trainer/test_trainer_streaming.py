"""Training by batches: the same model and the same evidence, whatever memory holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from trainer_builders import LINEAR, gate, loaded, order, settings

from perennial_core.errors import Outage
from perennial_core.manifest import ArtifactFormat, ColumnType
from perennial_core.resource.training import Streaming
from perennial_trainer.failure import DataError, SpecError
from perennial_trainer.streaming.streamed import Streamed, streamed
from perennial_trainer.training import Candidate

SGD = {"class": "sklearn.linear_model.SGDRegressor", "params": {"random_state": 0}}
BAYES = {"class": "sklearn.naive_bayes.GaussianNB"}
SCALED = {
    "steps": [
        {"name": "scale", "class": "sklearn.preprocessing.StandardScaler"},
        {"name": "fit", **SGD},
    ]
}
ROWS = 1000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def points(rows: int = ROWS) -> pa.Table:
    """Return y = 2a - 3b + 4 of features whose means and spreads are far apart."""
    random = np.random.default_rng(0)
    a, b = random.normal(0, 1, rows), random.normal(5, 2, rows)
    return pa.table({"a": a, "b": b, "y": 2 * a - 3 * b + 4})


def flowers(rows: int = ROWS) -> pa.Table:
    """Return two classes that lie apart."""
    random = np.random.default_rng(0)
    big = random.integers(0, 2, rows)
    length = random.normal(0, 1, rows) + 10 * big
    return pa.table({"length": length, "y": np.where(big, "big", "small")})


def write(folder: Path, table: pa.Table, name: str = "points.csv") -> None:
    file = folder / name
    if name.endswith(".parquet"):
        parquet.write_table(table, file, row_group_size=300)
    elif name.endswith(".jsonl"):
        file.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        csv.write_csv(table, file)


def stream(
    data: Path, estimator: Mapping[str, Any] = SCALED, *, epochs: int = 5, **fields: Any
) -> Streamed:
    """Return what was found out about the rows; batches are of 64 rows unless the fields say."""
    given: dict[str, Any] = {"uri": "file:///data", "batch_rows": 64} | fields
    streaming = {"batchRows": given.pop("batch_rows"), "epochs": epochs}
    told = order(estimator=estimator, streaming=streaming, **given)
    return streamed(told, Streaming.model_validate(streaming), settings(data.parent))


def trained(data: Path, *given: Any, **fields: Any) -> Candidate:
    return stream(data, *given, **fields).train(None, [])


@pytest.mark.parametrize("name", ["points.csv", "points.csv.gz", "points.parquet", "points.jsonl"])
def test_every_format_is_trained_on_by_batches(data: Path, name: str) -> None:
    table = points()
    if name.endswith(".gz"):
        with pa.CompressedOutputStream(str(data / name), "gzip") as stream:
            csv.write_csv(table, stream)
    else:
        write(data, table, name)
    candidate = trained(data, epochs=20)
    answer = loaded(candidate).predict_matrix(np.array([[1.0, 5.0]])).values
    assert answer == pytest.approx([-9.0], abs=0.01)
    assert candidate.serialized.signature.format is ArtifactFormat.ONNX
    assert candidate.metrics.candidate["r2"] == pytest.approx(1, abs=1e-4)


def test_every_row_is_trained_on_or_held_out_and_in_memory_are_only_batches(data: Path) -> None:
    write(data, points())
    found = stream(data).survey
    parts = list(found.training_batches())
    held, taught = found.division.holdout.target, np.concatenate([part.target for part in parts])
    assert sorted([*held, *taught]) == sorted(points()["y"].to_pylist())
    assert max(map(len, parts)) <= 64
    assert len(held) == 64  # a fifth would be 200, but no more than a batch is kept


def test_the_sample_of_the_training_rows_has_none_of_the_holdout(data: Path) -> None:
    write(data, points())
    for strategy in ("Random", "Last"):
        division = stream(data, holdout={"strategy": strategy}).survey.division
        assert len(division.training) > 40
        assert not set(division.holdout.target) & set(division.training.target)


def test_the_last_rows_are_held_out_where_the_spec_says_so(data: Path) -> None:
    write(data, points())
    found = stream(data, holdout={"strategy": "Last", "fraction": "0.05"}).survey
    assert found.division.holdout.target.tolist() == points()["y"].to_pylist()[-50:]
    assert sum(map(len, found.training_batches())) == 950


def test_the_holdout_is_drawn_from_all_rows_by_the_seed(data: Path) -> None:
    write(data, points())

    def held(seed: int, batch_rows: int) -> list[float]:
        holdout = {"fraction": "0.05", "seed": seed}
        found = stream(data, holdout=holdout, batch_rows=batch_rows).survey
        drawn: list[float] = found.division.holdout.target.tolist()
        return drawn

    assert held(0, 64) == held(0, 500)
    assert held(0, 64) != held(1, 64)
    numbers = [points()["y"].to_pylist().index(value) for value in held(0, 64)]
    assert numbers == sorted(numbers)
    assert numbers[0] < 200 < 800 < numbers[-1]


def test_a_classifier_knows_classes_that_come_late(data: Path) -> None:
    table = flowers()
    write(
        data,
        pa.concat_tables(
            [table.filter(pa.compute.equal(table["y"], name)) for name in ("small", "big")]
        ),
    )
    candidate = trained(data, BAYES)
    assert candidate.serialized.signature.classes == ["big", "small"]
    assert loaded(candidate).predict_matrix(np.array([[0.0], [10.0]])).values.tolist() == [
        "small",
        "big",
    ]
    assert candidate.metrics.candidate["accuracy"] == pytest.approx(1)


def test_labels_of_whole_numbers_and_of_true_and_false_come_back_as_what_they_are(
    data: Path,
) -> None:
    for labels, kind in (([3, 7], ColumnType.INT64), ([False, True], ColumnType.BOOL)):
        y = pa.array([labels[name == "big"] for name in flowers()["y"].to_pylist()])
        write(data, flowers().set_column(1, "y", y))
        signature = trained(data, BAYES).serialized.signature
        assert (signature.classes, signature.outputs[0].type) == (labels, kind)


def test_the_default_preprocessing_takes_texts_and_gaps(data: Path) -> None:
    table = points()
    colors = ["red" if value > 0 else "blue" for value in table["a"].to_pylist()]
    colors[-1] = "green"  # in the last batch alone
    a = [None if number % 10 == 0 else value for number, value in enumerate(table["a"].to_pylist())]
    write(data, table.set_column(0, "a", pa.array(a)).append_column("color", pa.array(colors)))
    candidate = trained(data, SGD)
    inputs = {column.name: column for column in candidate.serialized.signature.inputs}
    assert inputs["a"].nullable
    assert not inputs["b"].nullable
    assert inputs["color"].type is ColumnType.STRING


def test_files_count_as_one_and_what_they_hold_is_known_by_its_content(data: Path) -> None:
    write(data, points())
    whole = stream(data).fingerprint
    (data / "points.csv").unlink()
    for number in range(3):
        write(data, points().slice(334 * number, 334), f"{number}.csv")
    assert stream(data).fingerprint == whole
    write(data, points().slice(668, 331), "2.csv")
    assert stream(data).fingerprint != whole


def test_the_manifest_counts_all_rows(data: Path) -> None:
    write(data, points())
    candidate = trained(data)
    assert (candidate.rows.training, candidate.rows.holdout) == (936, 64)
    assert set(candidate.profile) == {"a", "b"}


def test_whole_numbers_at_the_begin_may_be_fractions_later(data: Path) -> None:
    lines = [*(f"{number},{number}" for number in range(400_000)), "0.5,1.5"]
    (data / "points.csv").write_text("x,y\n" + "\n".join(lines))
    assert stream(data, SGD, batch_rows=100_000).count == 400_001


def test_text_after_numbers_is_told_with_its_column(data: Path) -> None:
    lines = [*(f"{number},{number}" for number in range(400_000)), "abc,1"]
    (data / "points.csv").write_text("x,y\n" + "\n".join(lines))
    with pytest.raises(DataError, match=r"points\.csv.*: column 'x' holds 'abc', but numbers"):
        stream(data, SGD, batch_rows=100_000)


def test_checks_hold_for_all_rows(data: Path) -> None:
    write(data, points())
    with pytest.raises(DataError, match=r"there are 1000 rows, fewer than .*minRows 1001"):
        stream(data, checks={"minRows": 1001})
    with pytest.raises(DataError, match=r"line \d+: column 'a' holds .*, above max 1 "):
        stream(data, checks={"columns": [{"name": "a", "max": "1"}]})
    gaps = pa.array([None if number < 50 else 1.0 for number in range(ROWS)])
    write(data, points().set_column(0, "a", gaps))
    with pytest.raises(DataError, match="no value in 50 of 1000 rows"):
        stream(data, checks={"columns": [{"name": "a", "maxNullShare": "0.04"}]})
    stream(data, checks={"columns": [{"name": "a", "maxNullShare": "0.05"}]})


def test_a_line_is_named_by_its_place_in_the_file(data: Path) -> None:
    table = points()
    table = table.set_column(0, "a", pa.array([*table["a"].to_pylist()[:-1], np.inf]))
    write(data, table.slice(0, 500), "0.csv")
    write(data, table.slice(500), "1.csv")
    with pytest.raises(DataError, match=r"1\.csv \(here .*\), line 501: column 'a' holds an inf"):
        stream(data)


def test_an_empty_column_and_a_single_class_are_refused(data: Path) -> None:
    write(data, points().set_column(0, "a", pa.nulls(ROWS)))
    with pytest.raises(DataError, match="column 'a' has no value in any row"):
        stream(data)
    write(data, flowers().set_column(1, "y", pa.array(["big"] * ROWS)))
    with pytest.raises(DataError, match="holds a single class, 'big'"):
        stream(data, BAYES)


@pytest.mark.parametrize(
    ("estimator", "text"),
    [
        (LINEAR, "LinearRegression has no partial_fit.*SGDRegressor"),
        ({"class": "sklearn.ensemble.RandomForestClassifier"}, "no partial_fit.*SGDClassifier"),
        (
            {
                "steps": [
                    {"name": "s", "class": "sklearn.preprocessing.RobustScaler"},
                    SCALED["steps"][1],
                ]
            },
            r"steps\[s\]: RobustScaler has no partial_fit.*StandardScaler",
        ),
    ],
)
def test_what_cannot_be_fitted_by_batches_is_refused_before_the_data_is_read(
    data: Path, estimator: dict[str, Any], text: str
) -> None:
    with pytest.raises(SpecError, match=text):
        stream(data, estimator)


def test_a_metric_that_does_not_suit_is_refused_before_the_fit(data: Path) -> None:
    write(data, flowers())
    perceptron = {"class": "sklearn.linear_model.Perceptron"}
    found = stream(data, perceptron, asked=gate("neg_log_loss"))
    with pytest.raises(SpecError, match="gives no probabilities"):
        found.train(None, [])


def test_rows_that_come_meanwhile_make_the_run_one_to_try_again(data: Path) -> None:
    write(data, points())
    found = stream(data)
    write(data, points(ROWS + 1), "more.csv")
    write(data, points(ROWS + 1))
    with pytest.raises(Outage, match="first there were 1000 rows, then 1001"):
        found.train(None, [])


def test_only_files_are_streamed() -> None:
    with pytest.raises(ValueError, match="streaming: only a file: uri"):
        order(uri="sample://linear", streaming={})
