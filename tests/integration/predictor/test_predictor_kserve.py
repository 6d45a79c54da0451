"""KServe's own client gets what the model predicts.

Its pins collide with ours, so it runs where `make bench` installs it, and the test is skipped until
that is done.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from bundled_predictor import bundled_predictor
from served_models import plane

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / "build" / "benchmarks" / "kserve" / "bin" / "python"
CLIENT = ROOT / "tests" / "asks_as_kserve.py"


@pytest.mark.skipif(not PYTHON.exists(), reason=f"needs {PYTHON.relative_to(ROOT)}")
def test_the_client_of_kserve_gets_what_the_model_predicts(tmp_path: Path) -> None:
    model = plane()
    rows = model.rows.to_numpy().tolist()
    with bundled_predictor(tmp_path, model) as process:
        arguments = [process.ready().url, "model", json.dumps(rows)]
        command = [str(PYTHON), str(CLIENT), *arguments]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        own = process.client.post("/predict", json={"instances": rows}).json()

    assert run.returncode == 0, run.stderr
    predictions = own["predictions"]
    said = json.loads(run.stdout)
    assert said["v1"] == {"live": True, "model ready": True, "predictions": predictions}
    assert "expected [n, 2]" in said["v2"].pop("wrong")
    assert said["v2"] == {
        "live": True,
        "ready": True,
        "model ready": True,
        "json": predictions,
        "bytes": predictions,
    }
