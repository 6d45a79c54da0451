"""Environments in build/benchmarks/: one for each rival, and one like the predictor's image."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_REQUIREMENTS = _ROOT / "requirements" / "benchmarks"
_MADE = _ROOT / "build" / "benchmarks"


def programs(name: str) -> Path:
    """Return the folder of a rival's programs, ``python`` among them; install it if need be.

    Raises:
        CalledProcessError: It does not install; what pip says is on standard error.
    """
    return _installed(name, _REQUIREMENTS / f"{name}.txt")


def image_python() -> tuple[Path, dict[str, str]]:
    """Return a Python with the libraries of the predictor's image, and what lets it find Perennial.

    Raises:
        CalledProcessError: As for ``programs``.
    """
    python = _installed("predictor", _ROOT / "requirements" / "predictor.txt") / "python"
    own = _MADE / "own"
    shutil.rmtree(own, ignore_errors=True)
    for package in ("core", "predictor"):
        shutil.copytree(_ROOT / package / "src", own, dirs_exist_ok=True)
    subprocess.run([python, "-m", "compileall", "-q", own], check=True)  # as pip does in the image
    return python, {"PYTHONPATH": str(own)}


def _installed(name: str, requirements: Path) -> Path:
    environment = _MADE / name
    made_from = environment / "requirements.txt"
    if not made_from.exists() or made_from.read_bytes() != requirements.read_bytes():
        print(f"installing {name} in {environment.relative_to(_ROOT)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        options = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
        binaries = ["--only-binary", ":all:", "-r", str(requirements)]
        python = environment / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", *options, *binaries], check=True)
        made_from.write_bytes(requirements.read_bytes())
    return environment / "bin"
