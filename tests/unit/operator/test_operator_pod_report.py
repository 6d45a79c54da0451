"""What is read from a predictor's own metrics."""

from __future__ import annotations

import math

import pytest
from served_models import FittedModel, iris, line

from perennial_operator.pod_report import PodReport, read_report
from perennial_predictor.exposition import text_of
from perennial_predictor.metrics import Metrics
from perennial_predictor.rpc.service import SERVICE
from perennial_predictor.served import ServedVersion
from perennial_predictor.v2.paths import model_path, version_path


def serving(model: FittedModel, version: int = 7) -> tuple[Metrics, ServedVersion]:
    """Return the metrics of a predictor, and the version that it serves."""
    metrics, served = Metrics(), model.served(version=version)
    metrics.serves(served, swapped=False)
    return metrics, served


def said(metrics: Metrics, *more: str) -> PodReport:
    text = text_of(metrics)().decode() + "".join(f"{line}\n" for line in more)
    return read_report("pod", "uid", text)


def test_a_predictor_names_its_version_by_number_and_content() -> None:
    metrics, served = serving(line())

    report = said(metrics)

    assert (report.name, report.uid) == ("pod", "uid")
    assert (report.version, report.digest) == (7, served.manifest.digest)
    assert not report.has_problem


def test_a_predictor_without_a_version_names_none() -> None:
    assert said(Metrics()).version is None


def test_a_problem_is_seen_and_that_it_is_over() -> None:
    metrics, _ = serving(line())
    for exists in (True, False):
        metrics.problem(exists)
        assert said(metrics).has_problem is exists


def test_only_requests_for_predictions_count_and_a_client_that_left_is_no_error() -> None:
    metrics, _ = serving(line())
    for route in ("/", "/predict", "/readyz", "other"):
        for status in (200, 422, 499, 500):
            metrics.answered(route, status, 0.01)

    report = said(metrics)

    assert (report.requests, report.errors) == (8, 4)


@pytest.mark.parametrize(
    "route",
    [
        f"{model_path('points')}/infer",
        f"{version_path('points')}/infer",
        "/v1/models/points:predict",
        f"/{SERVICE}/ModelInfer",
    ],
)
def test_so_do_requests_by_the_protocols(route: str) -> None:
    metrics, _ = serving(line())
    for status in (200, 400):
        metrics.answered(route, status, 0.01)

    report = said(metrics)

    assert (report.requests, report.errors, dict(report.latency)[math.inf]) == (2, 1, 2)


@pytest.mark.parametrize("path", ["", "/ready"])
def test_questions_about_the_model_do_not(path: str) -> None:
    metrics, _ = serving(line())
    metrics.answered(f"{model_path('points')}{path}", 200, 0.01)

    assert said(metrics).requests == 0


def test_latencies_of_both_routes_are_counted_together() -> None:
    metrics, _ = serving(line())
    for route, seconds in (("/", 0.004), ("/predict", 0.2), ("/predict", 60), ("/metrics", 0.004)):
        metrics.answered(route, 200, seconds)

    latency = dict(said(metrics).latency)

    assert list(latency) == sorted(latency)
    assert [latency[bound] for bound in (0.0025, 0.005, 0.25, 5.0, math.inf)] == [0, 1, 2, 2, 3]


async def test_a_regressor_s_predictions_are_summed() -> None:
    metrics, served = serving(line(slope=2))
    await served.answer_body(b'{"instances": [[1], [2]]}')

    report = said(metrics)

    assert report.predictions == 2
    assert report.prediction_sum == pytest.approx(5 + 7)
    assert report.prediction_squares == pytest.approx(25 + 49)
    assert report.classes == {}


async def test_a_classifier_s_predictions_are_counted_by_label() -> None:
    metrics, served = serving(iris())
    await served.answer_body(b'{"instances": [[5.1, 3.5, 1.4, 0.2], [4.9, 3.0, 1.4, 0.2]]}')

    report = said(metrics)

    assert report.classes == {"setosa": 2, "versicolor": 0, "virginica": 0}
    assert report.predictions == 0


def test_the_answers_of_a_shadow_are_counted_by_outcome() -> None:
    metrics, _ = serving(line())

    report = said(
        metrics,
        'perennial_shadow_answers_total{version="8",outcome="same"} 5.0',
        'perennial_shadow_answers_total{version="8",outcome="different"} 2.0',
    )

    assert report.shadow == {"same": 5, "different": 2}


def test_what_is_no_exposition_is_refused() -> None:
    with pytest.raises(ValueError):
        read_report("pod", "uid", "<html>")
