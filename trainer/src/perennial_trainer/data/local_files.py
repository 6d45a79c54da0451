"""Finds the files that a file: URI names: one file, a folder of them or a pattern with ``*``."""

from __future__ import annotations

import glob
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
    if "*" in str(wanted):
        matches = [Path(name) for name in sorted(glob.glob(_star_only(path), recursive=True))]
        found, problem = [file for file in matches if file.is_file()], "no file matches"
    elif path.is_dir():
        found = [file for file in sorted(path.iterdir()) if _is_visible_data(file, is_data)]
        problem = "the folder has no data files"
    else:
        found, problem = [path] if path.exists() else [], "there is no such file"
    if not found:
        raise DataError(f"{root.file(path).name}: {problem}{_neighbours(path)}")
    return tuple(map(root.file, found))


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


def _is_visible_data(file: Path, is_data: Callable[[str], bool]) -> bool:
    return file.is_file() and not file.name.startswith((".", "_")) and is_data(file.name)


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
    except (FileNotFoundError, PermissionError) as error:
        raise DataError(f"{name}: cannot be opened: {error.strerror or error}") from error
    except OSError as error:
        raise Outage(f"{name}: cannot be read: {error}") from error
