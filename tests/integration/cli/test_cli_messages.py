"""``perennial run`` says what is slower here, and what a cluster would refuse."""

from __future__ import annotations

from pathlib import Path

from local_run import LocalRun, resource


def test_a_forest_on_data_with_gaps_says_why_it_is_not_onnx(tmp_path: Path) -> None:
    model = resource()
    del model["spec"]["training"]["data"]["volume"]
    model["spec"]["training"]["estimator"] = {"class": "sklearn.tree.DecisionTreeRegressor"}
    run = LocalRun(tmp_path, model)
    rows = "".join(f"{'' if x % 5 == 0 else x},{-100 if x % 5 == 0 else x}\n" for x in range(200))
    (run.data / "points.csv").write_text(f"x,y\n{rows}")
    with run:
        run.prints("serving version 1 at")
    said = run.output()
    assert said.count("a cluster also needs spec.training.data.volume for a file: uri") == 1
    assert "runs on scikit-learn itself (skops), which is slower than ONNX; as ONNX: pred" in said
    assert "only in rows that miss values; a SimpleImputer as a step fills them" in said


def test_a_uri_beside_the_volume_says_where_the_volume_stands(tmp_path: Path) -> None:
    model = resource()
    model["spec"]["training"]["data"]["uri"] = "file:///no-such-points.csv"
    with LocalRun(tmp_path, model) as run:
        run.prints("training failed: file:///no-such-points.csv: there is no such file")
    assert "the volume stands at /data, so spec.training.data.uri should begin with" in run.output()
