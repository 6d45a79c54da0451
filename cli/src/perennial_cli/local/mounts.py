"""What stands for the trainer's mounts on this machine: the data volume and the credentials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perennial_cli.local.mounted_files import write_files
from perennial_cli.local.resource_file import LocalModel, config_map_name
from perennial_cli.local.state_directory import StateDirectory
from perennial_core.errors import UserError
from perennial_core.resource import DATA_MOUNT, DataSpec


@dataclass(frozen=True)
class Mounts:
    """Directories that the trainer reads instead of its mounts in a pod."""

    data: Path
    credentials: Path


def prepare_mounts(local: LocalModel, given: Path | None, state: StateDirectory) -> Mounts:
    """Write the files that stand in the resource file and return where each mount is.

    Args:
        local: What the resource file says.
        given: The directory that stands for the volume, from ``--data``.
        state: Where the files are written.

    Raises:
        UserError: The volume or the Secret is not to be had here; the text says what to do.
    """
    check_mounts(local, given)
    if given is None and local.data is not None:
        write_files(local.data, state.data)
    if local.credentials is not None:
        write_files(local.credentials, state.credentials)
    return Mounts(data=(given or state.data).absolute(), credentials=state.credentials.absolute())


def check_mounts(local: LocalModel, given: Path | None) -> None:
    """Raise a UserError when something that the model mounts is not to be had here."""
    if given is not None and given.is_file():
        raise UserError(f"--data {given}: is a file; give its folder: --data {given.parent}")
    if given is not None and not given.is_dir():
        raise UserError(f"--data {given}: no such directory")
    _check_source(local)
    if local.model.spec.data is not None:
        _check_data(local, local.model.spec.data, given)


def needs_directory(local: LocalModel) -> bool:
    """Return whether only ``--data`` can say where the model's data is here."""
    data = local.model.spec.data
    is_on_volume = data is not None and f"{data.uri}/".startswith(f"file://{DATA_MOUNT}/")
    return is_on_volume and local.data is None


def _check_source(local: LocalModel) -> None:
    name = local.source.registry_secret if local.source else None
    if name is not None and local.source_registry is None:
        raise UserError(
            f"spec.promotion.from.registrySecret: Secret {name} is not in the resource file; add it"
            " there for local mode"
        )


def _check_data(local: LocalModel, data: DataSpec, given: Path | None) -> None:
    field = f"{local.model.spec.runs_field}.data"
    if data.credentials_secret is not None and local.credentials is None:
        raise UserError(
            f"{field}.credentialsSecret: Secret {data.credentials_secret} is not in the resource"
            " file; add it there for local mode"
        )
    if given is not None or not needs_directory(local):
        return
    if name := config_map_name(data):
        raise UserError(
            f"{field}.volume.configMap: ConfigMap {name} is not in the resource file; add it there,"
            " or name a directory with the files with --data DIR"
        )
    raise UserError(
        f"{field}.uri: {data.uri} is on a volume; name the directory that stands for"
        f" {DATA_MOUNT} here with --data DIR"
    )
