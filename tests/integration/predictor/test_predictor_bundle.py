"""A bundle is served with no registry at all."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from predictor_process import PredictorProcess, run_with
from served_models import KEY, FittedModel, iris, line, plane
from serving import APPROVAL

from perennial_core.bundle import Bundle, write_bundle
from perennial_core.identity import digest_of
from perennial_core.settings import RegistrySettings

STORED = line(2.0).stored(version=7)
NO_REGISTRY = RegistrySettings()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    write_bundle(folder, Bundle(STORED.manifest, STORED.artifact, APPROVAL))
    return folder


def test_a_bundle_is_served_as_a_version_of_the_registry_is(bundle: Path, tmp_path: Path) -> None:
    with PredictorProcess(tmp_path / "p", NO_REGISTRY, bundle=bundle) as process:
        process.ready(7)
        assert process.readiness() == {
            "ready": True,
            "model": str(KEY),
            "version": 7,
            "digest": STORED.manifest.digest,
            "expectedVersion": 7,
        }
        answer = process.client.get("/?msg=100")
        assert answer.headers["x-model-version"] == "7"
        assert answer.json() == {
            "prediction": pytest.approx(203),
            "model": str(KEY),
            "version": 7,
        }
        assert process.client.get("/healthz").json()["model"] == str(KEY)
        assert str(KEY) in process.client.get("/", headers={"Accept": "text/html"}).text
        assert 'version="7"' in process.client.get("/metrics").text
        process.client.close()
        process.terminate()
        assert process.exit_code() == 0
    assert {entry["level"] for entry in process.log()} == {"info"}
    assert not process.cache.exists()


def test_no_registry_is_asked(bundle: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as registry:
        registry.setblocking(False)
        named = RegistrySettings.of({"url": f"redis://127.0.0.1:{registry.getsockname()[1]}/0"})
        with PredictorProcess(tmp_path / "p", named, bundle=bundle) as process:
            process.ready(7).client.get("/?msg=1")
        with pytest.raises(BlockingIOError):
            registry.accept()


@pytest.mark.parametrize("model", [iris(), plane()], ids=["iris", "plane"])
def test_every_model_can_be_bundled(model: FittedModel, tmp_path: Path) -> None:
    stored = model.stored(version=1)
    write_bundle(tmp_path / "bundle", Bundle(stored.manifest, stored.artifact))
    with PredictorProcess(tmp_path / "p", NO_REGISTRY, bundle=tmp_path / "bundle") as process:
        process.ready(1)
        asked = process.client.post("/predict", json={"instances": model.instances()})
        assert asked.status_code == 200


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("SHA256SUMS", "SHA256SUMS: is missing"),
        ("manifest.json", "manifest.json: is not what SHA256SUMS says"),
        ("sha256-*", f"{STORED.manifest.digest[-8:]}: is not what SHA256SUMS says"),
    ],
)
def test_a_damaged_bundle_ends_the_start_with_one_clear_line(
    bundle: Path, name: str, says: str
) -> None:
    (file,) = bundle.glob(name)
    if name == "SHA256SUMS":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"?")
    ended = run_with(PERENNIAL_HOST="127.0.0.1", PERENNIAL_BUNDLE=str(bundle))
    assert ended.returncode == 1
    assert says in ended.stdout
    assert (len(ended.stdout.splitlines()), ended.stderr) == (1, "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MODEL", "other/model"), ("VERSION", "8"), ("DIGEST", digest_of(b"another"))],
)
def test_a_bundle_is_not_taken_for_another_version(bundle: Path, variable: str, value: str) -> None:
    named = {f"PERENNIAL_{variable}": value}
    ended = run_with(PERENNIAL_HOST="127.0.0.1", PERENNIAL_BUNDLE=str(bundle), **named)
    assert ended.returncode == 1
    assert f"PERENNIAL_{variable}: is {value}, but the bundle" in ended.stdout
