"""What every test stands on: a quiet TensorFlow, private Jupyter folders, repeatable draws."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Before anything imports TensorFlow: its C++ log would drown a failure's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Examples are the same in every run, so that CI fails for a change and not for a draw; a deadline
# would measure the machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# A process of thousands of tests holds millions of objects. To look through all of them as often as
# Python does by default takes a tenth of its time; young ones are collected as ever.
gc.set_threshold(700, 10, 50)

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what is marked as TensorFlow's own where Keras runs on another library.

    Keras takes its library from the environment, so a whole run is of one of them:
    `KERAS_BACKEND=jax python -m pytest tests/search`.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        return
    skip = pytest.mark.skip(reason=f"written in TensorFlow, and KERAS_BACKEND is {backend}")
    for item in items:
        if item.get_closest_marker("tensorflow"):
            item.add_marker(skip)


def pytest_runtest_makereport(call: pytest.CallInfo[Any]) -> None:
    """Ends the search that a failed test has left running, or every later one would be refused."""
    session = sys.modules.get("nas_nb.search.session")
    running = None if session is None or call.excinfo is None else session.current_search()
    if running is not None and running.state.live:
        with suppress(Exception):  # the test's own failure is what is told
            running.stop()
            running.wait(60)


@pytest.fixture
def fresh_garbage() -> Iterator[None]:
    """Lets the collector look at nothing but what the test makes: the rest takes it seconds."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, which a search soon fills."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tiny file system needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository: for tests of files that are not Python."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def private_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kernels that tests start read no settings, start-up files or history of their user."""
    home = tmp_path_factory.mktemp("jupyter-home")
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        folder = home / name.lower()
        folder.mkdir()
        os.environ[name] = str(folder)
    return home
