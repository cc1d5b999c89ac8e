"""The cache of traces: what has been compiled for one candidate serves the next ones like it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas_nb.evaluate.engine.activations import meet
from nas_nb.evaluate.engine.constants import difference
from nas_nb.evaluate.engine.program import EpochProgram
from nas_nb.evaluate.engine.signature import Sharing, Signature
from nas_nb.evaluate.engine.template import Template

if TYPE_CHECKING:
    import keras

# A trace takes a few megabytes; a chain space of three layers has nine topologies.
CAPACITY = 48


@dataclass(frozen=True)
class Compiled:
    """A template with the functions that are traced over it.

    Attributes:
        template: Takes a candidate's state; its lock is held by whoever trains.
        program: The compiled epoch.
        activations: Those between which the trace can choose.
    """

    template: Template
    program: EpochProgram
    activations: tuple[str, ...]


class TraceCache:
    """The compiled functions of the topologies that were used last.

    Args:
        capacity: How many are kept, 1 or more; the one that was used longest ago makes room.

    Attributes:
        traced: How often something had to be compiled.
        reused: How often a candidate found it compiled.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.traced = 0
        self.reused = 0
        self._entries: OrderedDict[str, Compiled] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forgets everything that was compiled, and the counts."""
        with self._lock:
            self._entries.clear()
            self.traced = self.reused = 0

    def acquire(self, model: keras.Model, signed: Signature, batch: Any) -> Compiled:
        """Returns compiled functions for a candidate, with the template's lock held.

        Args:
            model: The candidate, compiled and built.
            signed: Its signature.
            batch: A batch `(x, y, sample_weight)` of the data that it will be trained on.
        """
        found = self._find(signed)
        if found is not None:
            return found
        chosen = meet(set(signed.activations)) if signed.activations else ()
        template = Template(model, signed.sharing, batch, chosen, signed.drops)
        compiled = Compiled(template, EpochProgram(template.model, template.settings), chosen)
        compiled.template.lock.acquire()
        with self._lock:
            self.traced += 1
            if signed.sharing is not Sharing.ALONE:
                self._entries[signed.key] = compiled
                self._entries.move_to_end(signed.key)
                while len(self._entries) > self.capacity:
                    self._entries.popitem(last=False)
        return compiled

    def why_new(self, signed: Signature) -> str | None:
        """Says what keeps a candidate from the trace of one that is much like it.

        Returns:
            A note for the trial's row; None where it will find a trace, or where none is alike.
        """
        with self._lock:
            keys = list(self._entries)
        if not signed.key or signed.key in keys:
            return None
        differing = difference(signed.key, keys)
        return f"traced anew: another {differing} than before" if differing else None

    def _find(self, signed: Signature) -> Compiled | None:
        with self._lock:
            compiled = self._entries.get(signed.key)
            if compiled is None or not signed.activations <= set(compiled.activations):
                return None
            # Two trainings at once of one topology (a search, and a cell of the user's) can't
            # share a template; the second one gets its own.
            if not compiled.template.lock.acquire(blocking=False):
                return None
            self._entries.move_to_end(signed.key)
            self.reused += 1
            return compiled


CACHE = TraceCache()
