"""Space and data in one file, which each worker process reads once; arrays are mapped, not read."""

from __future__ import annotations

import mmap
import os
import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from nas_nb.errors import SearchError, reason_of
from nas_nb.record.files import write_whole

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.global_state import KerasSettings
    from nas_nb.space.search_space import SearchSpace

_ALIGNED = 64


@dataclass(frozen=True)
class Parcel:
    """What a worker process is given once: all that its trials have in common."""

    space: SearchSpace
    data: Data
    seed: int
    direction: str
    folder: Path  # of the project; a relative one is beside the file
    keras_settings: KerasSettings
    versions: dict[str, str]  # which the worker has to have, too

    def write(self, file: Path) -> None:
        """Writes it to a file.

        Raises:
            SearchError: Space or data hold what can't be sent to another process.
        """
        write_whole(file, self.parts(), sync=False)

    def parts(self) -> list[bytes | memoryview]:
        """Returns what such a file holds; arrays are not copied.

        Raises:
            SearchError: Space or data hold what can't be sent to another process.
        """
        buffers: list[pickle.PickleBuffer] = []
        try:
            # Functions and classes of the notebook travel whole, those of modules by name.
            told = cloudpickle.dumps(self, protocol=5, buffer_callback=buffers.append)
        except Exception as error:  # what the user's objects raise has no common class
            raise SearchError(
                "Expected a space and data that can be sent to another process (pickled) for "
                f"`workers`. Received: {reason_of(error)}. Make what can't be sent inside the "
                "function that builds the model, or search with workers='kernel'."
            ) from error
        raw = [buffer.raw() for buffer in buffers]
        head = pickle.dumps([len(told), *(part.nbytes for part in raw)])
        parts: list[bytes | memoryview] = [len(head).to_bytes(8, "little"), head, told]
        at = sum(len(part) for part in parts)
        for part in raw:
            gap = -at % _ALIGNED
            parts += [bytes(gap), part]
            at += gap + part.nbytes
        return parts

    @staticmethod
    def read(file: Path) -> Parcel:
        """Reads one; its arrays are pages of the file, which all workers share."""
        with file.open("rb") as opened:
            whole = memoryview(
                mmap.mmap(
                    opened.fileno(), os.fstat(opened.fileno()).st_size, access=mmap.ACCESS_READ
                )
            )
        head = int.from_bytes(whole[:8], "little")
        sizes = pickle.loads(whole[8 : 8 + head])
        start = 8 + head
        told, at = whole[start : start + sizes[0]], start + sizes[0]
        buffers: list[Any] = []
        for size in sizes[1:]:
            at += -at % _ALIGNED
            buffers.append(whole[at : at + size])
            at += size
        parcel = pickle.loads(told, buffers=buffers)
        assert isinstance(parcel, Parcel)
        return replace(parcel, folder=file.parent / parcel.folder)
