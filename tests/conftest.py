"""What every test stands on: a quiet TensorFlow, private Jupyter folders, repeatable draws."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything imports TensorFlow: its C++ log would drown a failure's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Keras takes its library from the environment, so a whole run is of one of them:
# `KERAS_BACKEND=jax python -m pytest tests/search`. These are of TensorFlow alone: its own rooms,
# models whose code is TensorFlow's, texts as input of a model, and what counts traces.
ON_TENSORFLOW_ALONE = re.compile(
    r"evaluate/(engine|supernet)/"
    r"|test_(batches|fit|fit_path|forgetting|gradient|one_shot|raw_input|streams)\.py"
    r"|test_fit_goes_on_from_a_state|test_a_candidate_is_ended_by_the_report"
    r"|test_repeats_of_a_model_that_shares_nothing|test_a_training_that_the_models_own_code_ends"
    r"|test_a_layer_that_can_not_be_serialised|test_model_of_(texts|a_table)_takes"
    r"|test_latency_is_measured_on_a_compiled_call|test_a_loop_of_the_users_own_is_not_guessed"
    r"|test_two_samples_that_are_the_same|test_attention_costs_its_projections"
    r"|first trains on data|test_a_strategy_that_needs_data_is_refused"
    r"|test_every_name_makes_its_strategy.*(one_shot|gradient)"
    r"|test_each_rule_agrees_with_the_products_in_the_layers_graph.Conv3DTranspose"
)

# Examples are the same in every run, so that CI fails for a change and not for a draw; a deadline
# would measure the machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what is written in TensorFlow where Keras runs on another library."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        return
    skip = pytest.mark.skip(reason=f"written in TensorFlow, and KERAS_BACKEND is {backend}")
    for item in items:
        if ON_TENSORFLOW_ALONE.search(item.nodeid):
            item.add_marker(skip)


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
