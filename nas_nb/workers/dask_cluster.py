"""The workers of a Dask cluster: which there are now, and a link to each."""

from __future__ import annotations

import multiprocessing
import pickle
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from nas_nb.errors import SearchError, reason_of, shown, tell
from nas_nb.workers.checkpoints import files_for, take_file
from nas_nb.workers.control import Assignment, Ended, Ready, ended_how

if TYPE_CHECKING:
    from distributed import Client, Future

    from nas_nb.record.trial import Outcome
    from nas_nb.workers.worker_process import Parcel

ANSWERS_S = 10.0
"""Seconds in which a scheduler has to answer."""
_POLL_EVERY_S = 1.0
_LOST_CODE = 255
_SILENT = "does not answer: the search waits for it"
_KERNEL_INSTEAD = "or search with workers='kernel'."


@dataclass(frozen=True)
class _Lost:
    """Put into the inbox where a worker is lost: no message will come."""

    how: str
    left: bool  # and no trial can have caused it


class DaskWorkers:
    """The workers of a cluster: each trains one trial at a time, in a child process."""

    recycle_bytes = None  # a child has the memory of its machine, which the kernel does not know

    def __init__(self, workers: Client | str, parcel: Parcel) -> None:
        self._parts = replace(parcel, folder=Path()).parts()
        self._project, self._versions = parcel.folder, parcel.versions
        self._own = isinstance(workers, str)
        self._client = _connected(workers, ANSWERS_S)
        self._address = str(self._client.scheduler.address)
        self._silent = False
        self._topic = f"nas_nb-{uuid4().hex}"
        self._count = count()
        self._links: dict[str, DaskLink] = {}
        self._parcel: Future | None = None
        self._polled_at = 0.0
        self._known: set[str] = set()
        self._left_out: set[str] = set()
        try:
            self._refuse_other_versions()
        except BaseException:
            self.close()
            raise

    @property
    def about(self) -> str:
        """Which cluster it is, and how many workers it has now."""
        count, silent = len(self._known), f", which {_SILENT}" if self._silent else ""
        return f"{count} worker{'s' * (count != 1)} of the Dask cluster at {self._address}{silent}"

    @property
    def places(self) -> Collection[str]:
        """The addresses of its workers, asked once a second."""
        now = time.monotonic()
        if now - self._polled_at > _POLL_EVERY_S or self._client.status != "running":
            self._polled_at = now
            self._known = self._poll_addresses()
            for link in self._links.values():
                if link.address not in self._known:
                    died = _died(self._client, link.address)
                    how = "is gone" if died else "left"
                    link.lose(f"{how} with its Dask worker {link.address}", left=not died)
            for key in [key for key, link in self._links.items() if link.exit_code is not None]:
                self._links.pop(key).kill()
        return self._known

    def start(self, number: int, place: str) -> DaskLink:
        """Starts a task on a worker, which says that it is ready some time later."""
        from nas_nb.workers.dask_task import host_process

        key = f"{self._topic}-{next(self._count)}"
        link = DaskLink(place, self._client, self._project)
        self._links[key] = link
        try:
            if self._client.status != "running":  # to ask it would take as long as that lasts
                raise ConnectionError("its scheduler does not answer")
            if self._parcel is None or self._parcel.status not in ("pending", "finished"):
                # Once from here: workers give it to each other. A new scheduler has neither.
                self._client.subscribe_topic(self._topic, self._on_event)
                self._parcel = self._client.scatter(b"".join(self._parts), hash=False)
            given = (host_process, key, self._topic, self._parcel, number)
            link.open(key, lambda: self._client.submit(*given, key=key, workers=[place]))
        except Exception as error:  # noqa: BLE001 - a cluster ends at any moment, in many ways
            left = self._client.status != "running"
            link.lose(f"could not be started: {reason_of(error)}", left)
        return link

    def close(self) -> None:
        """Leaves the cluster to its owner."""
        while self._links:
            self._links.popitem()[1].kill()
        subscribed, self._parcel = self._parcel is not None, None  # the cluster forgets the data
        with suppress(Exception):
            if subscribed:
                self._client.unsubscribe_topic(self._topic)
            if self._own:
                self._client.close()

    def _on_event(self, event: tuple[float, Any]) -> None:
        key, process_id, memory_bytes, said = event[1]
        link = self._links.get(key)
        if link is not None:
            link.process_id, link.memory_bytes = process_id, memory_bytes
            link.deliver(pickle.loads(said))

    def _poll_addresses(self) -> set[str]:
        if self._client.status in ("closing", "closed"):
            self._connect_again()
        if self._client.status != "running":
            if not self._silent:
                tell(f"Dask's scheduler at {self._address} {_SILENT}. Nothing is lost.")
            self._silent = True
            return set()
        self._silent = False
        try:
            found = set(self._client.nthreads(callback_timeout=ANSWERS_S))
        except Exception:  # noqa: BLE001 - no answer: the client says why, the next time
            return self._known
        for address in found - self._known - self._left_out:
            self._leave_out_other_versions(address)
        return found - self._left_out

    def _connect_again(self) -> None:
        """Makes another client where the one before gave up, if the user has none of his own."""
        if not self._own:
            raise SearchError(
                "Expected a Dask client that is connected. Received: one that was closed, or has "
                "lost its scheduler. Nothing was lost: search on with another client, "
                "`nas.open(folder, workers=client)`."
            )
        with suppress(SearchError):
            self._client = _connected(self._address, _POLL_EVERY_S)

    def _refuse_other_versions(self) -> None:
        """Raises a SearchError where a worker can't train what the kernel would."""
        if differing := self._differences(None):
            address, why = next(iter(differing.items()))
            raise SearchError(
                f"Expected Dask workers with the kernel's versions. Received: {address}: {why}. "
                f"Install the same there, {_KERNEL_INSTEAD}"
            )
        self._known = self._poll_addresses()

    def _leave_out_other_versions(self, address: str) -> None:
        for why in self._differences([address]).values():
            self._left_out.add(address)
            tell(f"The Dask worker {address} gets no trials: {why}.")

    def _differences(self, addresses: list[str] | None) -> dict[str, str]:
        """Returns by address in what workers differ from the kernel."""
        query = _versions_query([*self._versions])
        found = self._client.run(query, workers=addresses, on_error="return")
        return {address: why for address, own in found.items() if (why := self._difference(own))}

    def _difference(self, own: Any) -> str | None:
        if not isinstance(own, dict):
            return f"it can't be asked for its versions ({reason_of(own)})"
        other = [name for name, version in self._versions.items() if own[name] != version]
        told = [f"{name} {own[name]}, the kernel {self._versions[name]}" for name in other]
        return f"it has {'; '.join(told)}" if told else None


def _versions_query(names: list[str]) -> Callable[[], dict[str, str]]:
    """Returns a function that travels whole: a worker may have another nas_nb, or none."""

    def versions() -> dict[str, str]:
        import platform
        from importlib.metadata import PackageNotFoundError, version

        found = {}
        for name in names:
            try:
                found[name] = version(name) if name != "python" else platform.python_version()
            except PackageNotFoundError:
                found[name] = "missing"
        if "python" in found:
            found["python"] = ".".join(found["python"].split(".")[:2])
        return found

    return versions


def _connected(workers: Client | str, timeout_s: float) -> Client:
    """Returns a client that is connected, or raises a SearchError."""
    try:
        from distributed import Client
    except ImportError as error:
        raise SearchError(
            "Expected Dask for workers of a cluster. Received: none. Install it: "
            'pip install "nas_nb[dask]".'
        ) from error
    if isinstance(workers, str):
        try:
            return _begun(Client.__new__(Client), workers, timeout_s)
        except Exception as error:  # keys or a protocol that is missing: Dask raises what it likes
            raise SearchError(
                "Expected the address of a Dask scheduler that answers. Received: "
                f"workers={shown(workers)}: {reason_of(error)}. Start one there, give a client "
                f"that has its keys, {_KERNEL_INSTEAD}"
            ) from error
    if workers.asynchronous or workers.status != "running":
        what = "an asynchronous one" if workers.asynchronous else f"one that is {workers.status}"
        raise SearchError(
            f"Expected a Dask client that is connected. Received: {what}. Make a new one, "
            "`Client(...)`."
        )
    return workers


def _begun(client: Client, address: str, timeout_s: float) -> Client:
    """Initialises a client of a scheduler; raises what Dask raises where it can't be had."""
    try:
        client.__init__(address, timeout=timeout_s, set_as_default=False)
    except BaseException:
        # Dask leaves it to the garbage collector, which closes it in whatever thread it runs: one
        # that starts another client's loop waits for ever, for a lock that it holds itself.
        client.close()
        raise
    return client


def _died(client: Client, address: str) -> bool:
    """Whether a Dask worker ended by itself: else it was told to, or its scheduler is gone."""
    died = closing = False
    if client.status != "running":
        return False
    with suppress(Exception):  # without an answer nobody is to blame
        ask = client.scheduler.events
        for _, event in client.sync(ask, topic=address, callback_timeout=ANSWERS_S):
            action = event["action"]
            closing = action == "closing-worker" or (closing and action != "add-worker")
            if action == "remove-worker":
                died = not (event["expected"] or closing)
    return died


def _failure(task: Future) -> str:
    if task.status == "error":
        return f"could not be run by Dask ({reason_of(task.exception())})"
    return f"was lost by Dask ({task.status})"


class DaskLink:
    """The link to the child process of one Dask worker."""

    def __init__(self, address: str, client: Client, project: Path) -> None:
        self.address = address
        self.process_id: int | None = None
        self.memory_bytes: int | None = None
        self.how_it_ended = ""
        self.left = False
        self.exit_code: int | None = None
        self._client = client
        self._project = project
        self._inbox: deque[Any] = deque()
        # Wakes `wait`; one byte at most, so that Dask's thread never blocks.
        self._wake_reader, self._wake_writer = multiprocessing.Pipe(duplex=False)
        self._is_ready = False
        self._task: Future | None = None
        self._outbox: Any = None  # Dask's queues, to the worker and of files from it
        self._files: Any = None
        self._cleanups: list[Callable[[], Any]] = []
        self._trouble: list[str] = []

    def open(self, key: str, begin: Callable[[], Future]) -> None:
        """Begins the task that it talks to."""
        from distributed import Queue

        self._outbox, self._files = Queue(key, self._client), Queue(f"{key}-files", self._client)
        self._cleanups = [self._outbox.close, self._files.close]
        self._task = begin()
        self._cleanups.append(self._task.cancel)
        self._task.add_done_callback(self._on_done)

    def waitables(self) -> Sequence[Any]:
        """What `multiprocessing.connection.wait` can wait for."""
        return [self._wake_reader]

    def deliver(self, message: Any) -> None:
        """Takes a message, in a thread of Dask's."""
        self._inbox.append(message)
        if not self._wake_reader.poll():
            self._wake_writer.send_bytes(b"!")

    def lose(self, how: str, left: bool) -> None:
        """Takes it that no message will come any more."""
        self.deliver(_Lost(how, left))

    def send(self, message: Any) -> None:
        """Sends a message; one to a worker that is lost is dropped."""
        sent = {"": pickle.dumps(message)}
        if isinstance(message, Assignment):
            self._trouble = []
            task = message.task
            sent = {**files_for(self._project, task.trial, task.parent), **sent}
        for item in sent.items():
            self._call(partial(self._outbox.put, item, callback_timeout=ANSWERS_S))

    def receive(self) -> list[Any]:
        """Returns the messages that have come."""
        while self._wake_reader.poll():
            self._wake_reader.recv_bytes()
        messages = []
        while self._inbox and self.exit_code is None:
            messages += self._take(self._inbox.popleft())
        return messages

    def kill(self) -> None:
        """Ends the process, as soon as its Dask worker hears of it."""
        if self.exit_code is None:
            self.exit_code, self.how_it_ended = -9, ended_how(-9)
        cleanups, self._cleanups = self._cleanups, []
        if self._client.status == "running":
            for cleanup in cleanups:
                self._call(cleanup)

    def _take(self, message: Any) -> list[Any]:
        """Handles a message; returns what the pool is told."""
        from nas_nb.workers.dask_task import FileKept, FileRemoved, Gone

        if isinstance(message, Ready) and self._is_ready:
            # Dask ran the task again on a worker of the same address: the first process is gone.
            self.kill()
            left = not _died(self._client, self.address)
            message = _Lost(f"is gone with its Dask worker {self.address}", left)
        self._is_ready |= isinstance(message, Ready)
        if isinstance(message, _Lost):
            self.exit_code, self.how_it_ended = _LOST_CODE, message.how
            self.left = message.left
        elif isinstance(message, Gone):
            self.exit_code, self.how_it_ended = message.exit_code, ended_how(message.exit_code)
            self.left = message.left
        elif isinstance(message, FileKept | FileRemoved):
            self._take_file(message.name, kept=isinstance(message, FileKept))
        elif isinstance(message, Ended):
            return [Ended(self._with_trouble(message.outcome))]
        else:
            return [message]
        return []

    def _take_file(self, name: str, *, kept: bool) -> None:
        data = None
        if kept:
            data = self._call(partial(self._files.get, callback_timeout=ANSWERS_S))
        try:
            if data is not None or not kept:
                take_file(self._project, name, data)
        except OSError as error:
            self._trouble.append(f"{name} could not be kept: {reason_of(error)}")

    def _with_trouble(self, outcome: Outcome) -> Outcome:
        if not self._trouble:
            return outcome
        there = outcome.checkpoint and (self._project / "checkpoints" / outcome.checkpoint).exists()
        note = "; ".join(filter(None, (outcome.note, *self._trouble)))
        return replace(outcome, note=note, checkpoint=outcome.checkpoint if there else None)

    def _call(self, ask: Callable[[], Any]) -> Any:
        """Asks the scheduler; where that fails the worker counts as lost."""
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - a cluster ends at any moment, in many ways
            left = self._client.status != "running"
            self.lose(f"can't be reached ({reason_of(error)})", left)
            return None

    def _on_done(self, task: Future) -> None:
        if task.status != "finished":  # else it has said how its process ended
            left = task.status != "error" and not _died(self._client, self.address)
            self.lose(_failure(task), left)
