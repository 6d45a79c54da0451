"""One file of training data, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from perennial_trainer.failure import DataError

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NO_TEXT = {
    b"PK\x03\x04": "is an Excel workbook or a zip archive; save its table as CSV",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook; save its table as CSV",
    b"PAR1\x15": "is Parquet; set spec.training.data.format to parquet",
}
"""What files are that begin so."""


@dataclass(frozen=True)
class DataFile:
    """A file that can be opened, more than once if need be."""

    uri: str
    """As the user writes it, but for secrets; its suffix may tell the format."""
    open: Callable[[], pa.NativeFile]
    """Open its bytes, seekable. May raise DataError and Outage."""
    path: Path | None = None
    """Where the file is, when that is not where the URI says."""

    @property
    def name(self) -> str:
        """What to call it in messages, which begin with it."""
        return self.uri if self.path is None else f"{self.uri} (here {self.path})"

    def open_text(self) -> pa.NativeFile:
        """Open it decompressed.

        Its first bytes tell the compression, for a web server may have undone what the suffix says.

        Raises:
            DataError: The text is UTF-16, or it is no text.
        """
        stream = self.open()
        head = stream.read(5)
        stream.seek(0)
        if head.startswith(_UTF_16) or b"\0" in head[:2]:
            raise DataError(f"{self.name}: the text is UTF-16; save it as UTF-8")
        for begin, what in _NO_TEXT.items():
            if head.startswith(begin):
                raise DataError(f"{self.name}: the file {what}")
        for magic, compression in _COMPRESSIONS.items():
            if head.startswith(magic):
                return pa.CompressedInputStream(stream, compression)
        return stream
