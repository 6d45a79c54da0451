"""The rows of all files, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from perennial_core.manifest import Task
from perennial_core.order import TrainingOrder
from perennial_core.settings import TrainerSettings
from perennial_trainer.data.columns import Kind, kind_of
from perennial_trainer.data.dataset import Dataset, build_dataset, kinds_of
from perennial_trainer.data.formats import FileTable
from perennial_trainer.data.reading import check_headers, files_of, wanted_features
from perennial_trainer.data.rows import Rows
from perennial_trainer.streaming.open_file import OpenFile, open_files


@dataclass(frozen=True)
class Batches:
    """Can be gone through more than once; each time the files are read anew."""

    files: tuple[OpenFile, ...]
    header: Rows
    """Names and types of the columns of every file, without rows."""
    kinds: dict[str, Kind]
    """Of the features."""
    target_kind: Kind
    most_rows: int
    """Of a batch; only the last one has fewer, wherever files end."""

    @property
    def name(self) -> str:
        """What to call the data in messages."""
        return self.header.name

    def rows(self) -> Iterator[Rows]:
        """Yield the rows as they are read, with all columns.

        Raises:
            DataError: A file is damaged, or a column holds something else than at its begin.
            Outage: A file cannot be read just now.
        """
        held: list[FileTable] = []
        missing = self.most_rows
        for piece in (piece for file in self.files for piece in file.pieces()):
            while piece.table.num_rows >= missing:
                held.append(_cut(piece, 0, missing))
                yield self._batch(held)
                piece, held, missing = _cut(piece, missing), [], self.most_rows
            if piece.table.num_rows:
                held.append(piece)
                missing -= piece.table.num_rows
        if held:
            yield self._batch(held)

    def dataset(self, rows: Rows, task: Task) -> Dataset:
        """Return a batch as estimators take it.

        Raises:
            DataError: A value cannot be used; the text names file, line and column.
        """
        return build_dataset(rows.with_wanted_columns(), task, self.kinds)

    def _batch(self, pieces: list[FileTable]) -> Rows:
        return replace(self.header, files=tuple(pieces), is_all=False)


def open_batches(order: TrainingOrder, most_rows: int, settings: TrainerSettings) -> Batches:
    """Look at the begin of every file.

    Raises:
        DataError: Files or columns are missing or hold what no estimator takes.
        SpecError: The spec asks for what there is not.
        Outage: A disk does not answer.
    """
    data = order.training.data
    files = open_files(files_of(data, settings), data)
    headers = tuple(file.header() for file in files)
    features = wanted_features(headers[0], data)
    check_headers(headers, features, data)
    header = Rows(headers, features, data.target)
    return Batches(files, header, kinds_of(header), kind_of(header, data.target), most_rows)


def _cut(piece: FileTable, start: int, length: int | None = None) -> FileTable:
    return replace(piece, table=piece.table.slice(start, length), start=piece.start + start)
