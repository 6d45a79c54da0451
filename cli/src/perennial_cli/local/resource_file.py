"""What a resource file says: one model, and the ConfigMap and Secrets that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from perennial_cli.local.kubernetes_yaml import documents
from perennial_cli.local.mounted_files import files_of
from perennial_core.errors import UserError
from perennial_core.resource import KIND, DataSpec, PredictionModel
from perennial_core.resource.promotion import PromotionSource
from perennial_core.resource.runs import RunSpec


@dataclass(frozen=True)
class LocalModel:
    """A model and the files that stand beside it, as of one reading of the resource file."""

    model: PredictionModel
    generation: int
    """Rises with each edit of the file."""
    data: Mapping[str, bytes] | None = None
    """Files of the ConfigMap that the data's volume names, when it stands in the file."""
    credentials: Mapping[str, bytes] | None = None
    """Files of the data's credentialsSecret, when it stands in the file."""
    source_registry: Mapping[str, bytes] | None = None
    """Keys of the registrySecret of a promotion's source, when it stands in the file."""

    @property
    def runs(self) -> RunSpec | None:
        """What runs do; None where versions are brought."""
        return self.model.spec.runs

    @property
    def source(self) -> PromotionSource | None:
        """From where versions are taken over, where they are."""
        promotion = self.model.spec.promotion
        return promotion.from_ if promotion else None


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
    data = model.spec.data
    local = LocalModel(model=model, generation=generation)
    registry = local.source.registry_secret if local.source else None
    return replace(
        local,
        data=_files(resources, model, "ConfigMap", config_map_name(data) if data else None),
        credentials=_files(resources, model, "Secret", data.credentials_secret if data else None),
        source_registry=_files(resources, model, "Secret", registry),
    )


def config_map_name(data: DataSpec) -> str | None:
    """Return the name of the ConfigMap with the model's data, if that is where it is."""
    volume = data.volume
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
