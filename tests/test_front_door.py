"""`import nas_nb` and `%load_ext nas_nb`: everything by name, nothing heavy before its time."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import nas_nb
from tests.search.tiny import CHOICES, tiny_data

HEAVY = ("tensorflow", "keras", "keras_tuner", "sklearn", "pandas", "matplotlib", "ipywidgets")


def run_python(source: str) -> str:
    """The output of a program in a fresh interpreter, where nothing is imported yet."""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def heavy_modules_after(source: str) -> set[str]:
    loaded = run_python(f"{source}\nimport sys; print('LOADED', *sys.modules)")
    return set(HEAVY) & set(loaded.split("LOADED")[1].split())


def test_importing_the_package_imports_nothing_heavy():
    assert heavy_modules_after("import nas_nb; dir(nas_nb)") == set()


@pytest.mark.parametrize(
    ("before", "level"),
    [
        ("os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None)", "2 3"),
        ("os.environ['TF_CPP_MIN_LOG_LEVEL'] = '0'", "0"),
        ("os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None); sys.modules['tensorflow'] = sys", "None"),
    ],
)
def test_tensorflow_is_kept_quiet_unless_its_user_said_otherwise(before: str, level: str):
    shown = "import nas_nb; print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"
    assert run_python(f"import os, sys; {before}; {shown}").strip() in level.split()


def test_loading_the_extension_imports_nothing_heavy():
    source = """
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance().run_line_magic("load_ext", "nas_nb")
"""
    assert heavy_modules_after(source) == set()


def test_loading_adds_the_magic_and_unloading_takes_it_away():
    source = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for step in ("load_ext", "reload_ext", "unload_ext", "load_ext"):
    shell.run_line_magic(step, "nas_nb")
    print(step, *("nas" in shell.magics_manager.magics[kind] for kind in ("line", "cell")))
"""
    assert run_python(source).splitlines() == [
        "load_ext True True",
        "reload_ext True True",
        "unload_ext False False",
        "load_ext True True",
    ]


@pytest.mark.parametrize("name", nas_nb.__all__)
def test_every_public_name_leads_to_its_module(name):
    value = getattr(nas_nb, name)
    assert value is not None
    assert getattr(nas_nb, name) is value
    assert name in dir(nas_nb)


def test_tab_offers_what_is_public():
    assert {name for name in dir(nas_nb) if not name.startswith("__")} == set(nas_nb.__all__)


def test_tab_offers_what_is_public_of_a_search(tmp_path: Path):
    search = nas_nb.Search(CHOICES, tiny_data(), max_trials=1, directory=tmp_path)
    offered = {name for name in dir(search) if not name.startswith("_")}
    assert {"best", "trial", "top", "pareto_front", "start", "panel", "steer"} <= offered
    assert not offered & {"project", "listener", "settings"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Search", ("space", "data", "strategy", "objective", "seed", "max_trials", "max_time")),
        ("race", ("space", "data", "strategies", "seeds", "max_trials", "table")),
    ],
)
def test_signatures_show_the_arguments(name: str, arguments: tuple[str, ...]):
    shown = inspect.signature(getattr(nas_nb, name)).parameters
    assert set(arguments) <= set(shown)
    assert "args" not in shown
    assert "kwargs" not in shown


def test_public_functions_and_classes_are_documented():
    values = [getattr(nas_nb, name) for name in nas_nb.__all__]
    assert [value for value in values if callable(value) and not value.__doc__] == []


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(AttributeError, match="Did you mean 'SearchSpace'"):
        nas_nb.SearchSpaces  # noqa: B018


def test_an_error_of_ours_is_a_value_error():
    assert issubclass(nas_nb.NasError, ValueError)
