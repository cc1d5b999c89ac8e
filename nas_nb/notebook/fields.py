"""The input widgets of the settings: their names, ranges and sizes."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from nas_nb.strategy.cost import COSTS

_MOST = 1_000_000
_MOST_COST = 10**12

GROUPS = {
    "Budget (0 is no limit)": ("max_trials", "max_time", "max_epochs"),
    "Objectives": ("objective", "cost"),
    "Training": ("epochs", "batch_size", "seed"),
    "Limits of a model (0 is none)": ("max_params", "max_flops", "max_latency"),
}
"""What stands together, but for the strategy, which has options, and the folder, which is long."""

NO_COST = "none"
"""Stands beside what may be weighed against the objective: nothing is."""


def make_fields(strategies: list[str], objectives: list[str]) -> dict[str, Any]:
    """Returns the input widgets by the name of what they set, in the order of the panel."""
    # Each letter would be a change of its own, most of them no duration yet.
    texts = {
        "max_time": _text("Max time", "no limit, or 2 min"),
        "max_latency": _text("Max latency", "no limit, or 5 ms"),
    }
    objective = widgets.Combobox(options=objectives, ensure_option=False, **_field("Objective"))
    objective.continuous_update = False
    return {
        "strategy": widgets.Dropdown(options=strategies, **_field("Strategy")),
        "cost": widgets.Dropdown(options=[NO_COST, *COSTS], **_field("Keep low")),
        "max_trials": _count("Max trials", "0 is no limit", 0, _MOST),
        "max_time": texts["max_time"],
        "max_epochs": _count("Max epochs", "Over all trials; 0 is no limit", 0, _MOST),
        "objective": objective,
        "epochs": _count("Epochs a trial", "Epochs of training", 1, _MOST),
        "batch_size": _count("Batch size", "Samples a batch", 1, _MOST),
        "seed": _count("Seed", "Decides all that is drawn", 0, 2**31 - 1),
        "max_params": _count("Max params", "Weights; 0 is no limit", 0, _MOST_COST),
        "max_flops": _count("Max flops", "Multiply-adds a sample; 0 is no limit", 0, _MOST_COST),
        "max_latency": texts["max_latency"],
        "directory": _text("Folder", "where the search is kept", 480),
    }


def _count(name: str, tooltip: str, low: int, high: int) -> Any:
    return widgets.BoundedIntText(min=low, max=high, tooltip=tooltip, **_field(name))


def _text(name: str, placeholder: str, width: int = 230) -> Any:
    field = widgets.Text(placeholder=placeholder, **_field(name, width))
    field.continuous_update = False
    return field


def _field(name: str, width: int = 230) -> dict[str, Any]:
    look = {"style": {"description_width": "100px"}, "layout": {"width": f"{width}px"}}
    return {"description": name, **look}
