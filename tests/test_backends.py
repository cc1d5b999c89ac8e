"""The same tests with Keras on JAX: the library is chosen once a process, so in another one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nas_nb as nas
from tests.search.tiny import CHOICES, tiny_data, tiny_search

ON_JAX = os.environ.get("KERAS_BACKEND") == "jax"
on_jax = pytest.mark.skipif(not ON_JAX, reason="run by the last test here, with Keras on JAX")

# A search to its end, its best model from its file, a trial that goes on from a kept state, early
# ending, a drop-in tuner, a proxy with a gradient, and multiply-adds that no rule gives.
SAME_ON_BOTH = (
    "tests/test_backends.py",
    "tests/search/test_search.py::test_the_trained_model_of_the_incumbent_scores_what_was_recorded",
    "tests/search/robustness/test_continuation.py::test_a_plain_function_may_promote_a_trial",
    "tests/tuners/test_drop_in.py::test_the_best_model_scores_what_its_trial_recorded[RandomSearch]",
    "tests/evaluate/proxies/test_loss_gradients.py",
    "tests/evaluate/costs/test_macs.py::test_a_layer_of_the_users_own_is_counted_from_its_graph",
)


@on_jax
def test_a_search_trains_by_fit_says_why_and_never_loads_tensorflow(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1).run()
    assert list(search.trials["status"]) == ["completed"]
    assert "TensorFlow's, and Keras runs on jax" in search.trials["note"][0]
    again = tiny_search(tmp_path, max_trials=2).run()
    assert list(again.trials["status"]) == ["completed"] * 2
    assert "tensorflow" not in sys.modules


@on_jax
@pytest.mark.parametrize("strategy", ["one_shot", "darts"])
def test_what_needs_a_shared_net_is_refused_at_once(strategy: str):
    with pytest.raises(nas.NasError, match=r"Expected Keras on TensorFlow.*backend 'jax'"):
        nas.Search(CHOICES, tiny_data(), strategy=strategy, max_trials=1)


@pytest.mark.skipif(ON_JAX, reason="it runs this file again")
@pytest.mark.slow
def test_keras_on_jax_passes_the_same_tests(root: Path):
    pytest.importorskip("jax", reason='needs jax: pip install -e ".[jax]"')
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *SAME_ON_BOTH],
        cwd=root,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert "1 skipped" in ran.stdout  # this one
