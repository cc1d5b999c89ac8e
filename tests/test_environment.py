"""A bug report says on what it was seen."""

from __future__ import annotations

import subprocess
import sys

import keras
import pytest

import nas_nb as nas


def test_versions_of_all_that_is_used_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    nas.show_versions()
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert told["nas_nb"] == nas.__version__
    assert told["keras"] == keras.__version__
    assert {"Python", "system", "cores", "memory", "GPUs", "optuna", "jupyterlab"} <= told.keys()


def test_versions_are_shown_without_loading_tensorflow() -> None:
    code = "import nas_nb, sys; nas_nb.show_versions(); assert 'tensorflow' not in sys.modules"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "TensorFlow is not loaded" in shown.stdout
