"""Finds the files that a file: URI names: one file, a folder of them or a pattern with ``*``."""

from __future__ import annotations

import glob
from collections.abc import Callable
from functools import partial
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
    shown = unquote(uri.removeprefix("file://"))
    path = _mapped(shown, data_directory)
    if "*" in shown:
        found = [Path(name) for name in sorted(glob.glob(_star_only(path), recursive=True))]
        return _files(shown, [file for file in found if file.is_file()], path, is_data=None)
    if path.is_dir():
        return _files(shown, sorted(path.iterdir()), path, is_data)
    if not path.exists():
        raise DataError(f"{shown}: there is no such file{_neighbours(path)}")
    return (DataFile(shown, partial(_open, path, shown)),)


def _mapped(shown: str, data_directory: Path) -> Path:
    path = PurePosixPath(shown)
    if path.is_relative_to(DATA_MOUNT):
        return data_directory / path.relative_to(DATA_MOUNT)
    return Path(path)


def _star_only(path: Path) -> str:
    """Return the pattern with everything but ``*`` meaning itself."""
    return str(path).replace("[", "[[]").replace("?", "[?]")


def _files(
    shown: str, found: list[Path], place: Path, is_data: Callable[[str], bool] | None
) -> tuple[DataFile, ...]:
    files = [
        file
        for file in found
        if is_data is None
        or (file.is_file() and not file.name.startswith((".", "_")) and is_data(file.name))
    ]
    if not files:
        what = "no file matches" if is_data is None else "the folder has no data files"
        raise DataError(f"{shown}: {what}{_neighbours(place)}")
    folder = PurePosixPath(shown) if is_data else PurePosixPath(shown).parent
    return tuple(
        DataFile(str(folder / file.name), partial(_open, file, str(folder / file.name)))
        for file in files
    )


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


def _open(path: Path, shown: str) -> pa.NativeFile:
    try:
        return pa.OSFile(str(path))
    except (FileNotFoundError, PermissionError) as error:
        raise DataError(f"{shown}: cannot be opened: {error.strerror or error}") from error
    except OSError as error:
        raise Outage(f"{shown}: cannot be read: {error}") from error
