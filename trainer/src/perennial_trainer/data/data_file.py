"""One file of training data, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from perennial_trainer.failure import DataError

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class DataFile:
    """A file that can be opened, more than once if need be."""

    name: str
    """As the user knows it; error messages begin with it."""
    open: Callable[[], pa.NativeFile]
    """Open its bytes, seekable. May raise DataError and Outage."""

    def open_text(self) -> pa.NativeFile:
        """Open it decompressed.

        Its first bytes tell the compression, for a web server may have undone what the suffix says.

        Raises:
            DataError: The text is UTF-16.
        """
        stream = self.open()
        head = stream.read(4)
        stream.seek(0)
        if head.startswith(_UTF_16):
            raise DataError(f"{self.name}: the text is UTF-16; save it as UTF-8")
        for magic, compression in _COMPRESSIONS.items():
            if head.startswith(magic):
                return pa.CompressedInputStream(stream, compression)
        return stream
