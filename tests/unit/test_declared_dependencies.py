"""Each package declares what it imports, so that its image has it."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("core", "trainer", "predictor", "operator", "cli")
BY_MODULE = packages_distributions()


def imported(package: str) -> set[str]:
    """Return the distributions that a package's modules import."""
    names: set[str] = set()
    for file in (REPOSITORY / package / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module.partition(".")[0])
    names -= set(sys.stdlib_module_names)
    return {_distribution(name) for name in names}


def _distribution(module: str) -> str:
    name = module if module.startswith("perennial_") else BY_MODULE[module][0]
    return name.lower().replace("_", "-")


def declared(package: str) -> set[str]:
    """Return the distributions that a package's project file names, and those that core's does."""
    project = tomllib.loads((REPOSITORY / package / "pyproject.toml").read_text())["project"]
    extras = [line for group in project.get("optional-dependencies", {}).values() for line in group]
    return {Requirement(line).name.lower() for line in [*project["dependencies"], *extras]}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_declares_what_it_imports(package: str) -> None:
    here = {f"perennial-{package}"}
    assert imported(package) - declared(package) - declared("core") - here == set()
