"""What a resource file says: one model, and the ConfigMap and Secret that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perennial_cli.local.kubernetes_yaml import documents
from perennial_cli.local.mounted_files import files_of
from perennial_core.errors import UserError
from perennial_core.resource import KIND, PredictionModel, TrainingSpec


@dataclass(frozen=True)
class LocalModel:
    """A model and the files that stand beside it, as of one reading of the resource file."""

    model: PredictionModel
    training: TrainingSpec
    generation: int
    """Rises with each edit of the file."""
    data: Mapping[str, bytes] | None = None
    """Files of the ConfigMap that the data's volume names, when it stands in the file."""
    credentials: Mapping[str, bytes] | None = None
    """Files of the data's credentialsSecret, when it stands in the file."""


def read_resource_file(file: Path) -> LocalModel:
    """Read the one model of a file.

    Raises:
        UserError: The file is missing, is no YAML, or holds not exactly one valid PredictionModel;
            the text names the file and the field.
    """
    try:
        text, generation = file.read_text(encoding="utf-8"), file.stat().st_mtime_ns
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{file}: not text in UTF-8") from None
    try:
        return parse_resources(text, generation)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None


def parse_resources(text: str, generation: int) -> LocalModel:
    """Read the one model of a file's text; see read_resource_file."""
    resources = documents(text)
    model = _only_model(resources)
    training = model.spec.training
    if training is None:
        raise UserError("spec.training: local mode needs it; versions are promoted in a cluster")
    return LocalModel(
        model=model,
        training=training,
        generation=generation,
        data=_files(resources, model, "ConfigMap", config_map_name(training)),
        credentials=_files(resources, model, "Secret", training.data.credentials_secret),
    )


def config_map_name(training: TrainingSpec) -> str | None:
    """Return the name of the ConfigMap with the model's data, if that is where it is."""
    volume = training.data.volume
    return volume.config_map.name if volume and volume.config_map else None


def _only_model(resources: list[Any]) -> PredictionModel:
    models = [item for item in resources if isinstance(item, dict) and item.get("kind") == KIND]
    if len(models) != 1:
        found = f"{len(models)} {KIND}s" if models else f"no {KIND}"
        raise UserError(f"holds {found}; local mode runs exactly one")
    return PredictionModel.parse(models[0])


def _files(
    resources: list[Any], model: PredictionModel, kind: str, name: str | None
) -> dict[str, bytes] | None:
    return None if name is None else files_of(resources, kind, model.key.namespace, name)
