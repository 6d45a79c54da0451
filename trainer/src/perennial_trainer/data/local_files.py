"""Finds the files that a file: URI names: one file, a folder of them or a pattern with ``*``."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pyarrow as pa

from perennial_core.errors import Outage
from perennial_core.resource import DATA_MOUNT
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.failure import DataError

_NAMES_SHOWN = 10
_BELOW_THE_MOUNT = (
    f"; the volume stands at {DATA_MOUNT}, so spec.training.data.uri should begin with"
    f" file://{DATA_MOUNT}/"
)
_BELOW = " of its own; a pattern that ends in /*/*.csv takes those of the folders below"


def local_files(
    uri: str, data_directory: Path, is_data: Callable[[str], bool]
) -> tuple[DataFile, ...]:
    """Return the files, in the order of their names.

    Args:
        uri: ``file:///...``; what lies below /data is read from ``data_directory``.
        data_directory: What stands at /data.
        is_data: Says by its name whether a file of a folder is data; others are passed over, and
            so are hidden files.

    Raises:
        DataError: There is no such file, or the folder or pattern holds none.
    """
    wanted = PurePosixPath(unquote(uri.removeprefix("file://")))
    root = _root(wanted, data_directory)
    path = root.path / wanted.relative_to(root.name)
    try:
        found, problem = _matches(path) if "*" in str(wanted) else _at(path, is_data)
    except OSError as error:
        raise _unreadable(root.file(path).name, error) from error
    if not found:
        is_beside = root.path != data_directory and data_directory.is_dir()
        advice = _BELOW_THE_MOUNT if is_beside else _neighbours(path)
        raise DataError(f"{root.file(path).name}: {problem}{advice}")
    return tuple(map(root.file, found))


def _matches(pattern: Path) -> tuple[list[Path], str]:
    """Return the files that a pattern picks, and what to say when there are none."""
    found = map(Path, sorted(glob.glob(_star_only(pattern), recursive=True)))
    return [file for file in found if file.is_file()], "no file matches"


def _at(path: Path, is_data: Callable[[str], bool]) -> tuple[list[Path], str]:
    """Return the file at a path or those in the folder there, and what to say when there are none.

    A folder may hold other files too: hidden ones and those that are no data are passed over.
    """
    if not path.is_dir():
        return [path] if path.exists() else [], "there is no such file"
    files = [file for file in sorted(path.iterdir()) if not file.name.startswith((".", "_"))]
    data = [file for file in files if file.is_file() and is_data(file.name)]
    return data, f"the folder has no data files{_BELOW if any(map(Path.is_dir, files)) else ''}"


@dataclass(frozen=True)
class _Root:
    """A folder, by its name in URIs and by where it is."""

    name: PurePosixPath
    path: Path

    def file(self, path: Path) -> DataFile:
        """Return the file at a path below."""
        name = self.name / path.relative_to(self.path)
        moved = None if str(name) == str(path) else path
        file: DataFile = DataFile(f"file://{name}", lambda: _open(path, file.name), moved)
        return file


def _root(wanted: PurePosixPath, data_directory: Path) -> _Root:
    if wanted.is_relative_to(DATA_MOUNT):
        return _Root(PurePosixPath(DATA_MOUNT), data_directory)
    return _Root(PurePosixPath("/"), Path("/"))


def _star_only(path: Path) -> str:
    """Return the pattern with everything but ``*`` meaning itself."""
    return str(path).replace("[", "[[]").replace("?", "[?]")


def _neighbours(path: Path) -> str:
    """Return what lies where something was looked for, to show in a message."""
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return f"; the folder {folder.name!r} does not exist either"
    names = sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
    if not names:
        return "; the folder is empty"
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f"; the folder has: {', '.join(names[:_NAMES_SHOWN])}{more}"


def _open(path: Path, name: str) -> pa.NativeFile:
    try:
        return pa.OSFile(str(path))
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError) -> DataError | Outage:
    message = f"{name}: cannot be read: {os.strerror(error.errno) if error.errno else error}"
    if isinstance(error, FileNotFoundError | PermissionError):
        return DataError(message)
    return Outage(message)
