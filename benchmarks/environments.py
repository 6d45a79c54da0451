"""An environment for each rival, from its own pinned requirements, in build/benchmarks/."""

from __future__ import annotations

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
    environment, requirements = _MADE / name, _REQUIREMENTS / f"{name}.txt"
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
