from __future__ import annotations

import threading

import pytest

from nas_nb.evaluate.global_state import seeded


@pytest.fixture(autouse=True)
def _same_weights_in_every_run():
    with seeded(0):
        yield


@pytest.fixture(autouse=True)
def _no_activation_met_before(monkeypatch):
    monkeypatch.setattr("nas_nb.evaluate.compiled.traced_values._seen_activations", [])


@pytest.fixture(autouse=True)
def _no_dropout_met_before(monkeypatch):
    monkeypatch.setattr("nas_nb.evaluate.compiled.traced_values._seen_dropout", threading.Event())
