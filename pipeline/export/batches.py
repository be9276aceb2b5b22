"""Write what grows with the data batch by batch: the turns table and the review packets."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO

from pipeline import schema
from pipeline.export.formats import packet_formats
from pipeline.export.formats.parquet import TableWriter
from pipeline.stages.packet import packet_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pandas as pd

    from pipeline.export.formats.interface import PacketFormat

    OpenFile = Callable[[str], AbstractContextManager[BinaryIO]]


@dataclass(slots=True)
class _Pieces:
    """One packet in pieces, a run each: in a file as they come, and where each lies in it."""

    form: PacketFormat
    file: BinaryIO
    places: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)
    """By benchmark, model and run: where the piece begins, and its size."""

    def add(self, keys: list[tuple[str, str, str]], rows: pd.DataFrame, sizes: list[int]) -> None:
        for key, piece in zip(keys, self.form.encode(rows, sizes), strict=True):
            self.places[key] = self.file.tell(), len(piece)
            self.file.write(piece)

    def copy_in_order(self, stream: BinaryIO) -> None:
        stream.write(self.form.header)
        for key in sorted(self.places):
            place, size = self.places[key]
            self.file.seek(place)
            stream.write(self.file.read(size))


@contextmanager
def written_in_batches(open_file: OpenFile, folder: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield a function that writes the finished turns of a batch of whole runs, with texts and `scores`.

    The packets are ordered by benchmark, model and run at the end; until then their pieces lie in `folder`.
    """
    with ExitStack() as stack:
        turns_file = stack.enter_context(open_file(schema.TURNS_PARQUET))
        table = stack.enter_context(TableWriter(turns_file, schema.TURNS))
        packets = [_Pieces(form, stack.enter_context(TemporaryFile(dir=folder))) for form in packet_formats()]

        def write(turns: pd.DataFrame) -> None:
            table.write(turns)
            failures = turns[turns["failed"]]
            if len(failures):
                rows = packet_rows(failures)
                runs = rows.groupby(["benchmark_name", "model_name", "run_id"], sort=False, observed=True).size()
                for packet in packets:
                    packet.add(list(runs.index), rows, runs.tolist())

        yield write
        for packet in packets:
            with open_file(packet.form.path) as stream:
                packet.copy_in_order(stream)
