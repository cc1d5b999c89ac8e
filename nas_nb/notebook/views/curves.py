"""Learning curves: of the running trial and the incumbent, or of trials that were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nas_nb.notebook.views import ink
from nas_nb.notebook.views.ink import BLUE, GREEN, VERMILLION, Points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History, Trial

# Up to so many epochs each one gets a dot of its own.
_DOTS = 20
_COLORS = {"best": VERMILLION, "running": BLUE, "chosen": BLUE, "other": GREEN}


class Curve(NamedTuple):
    """One trial's learning curve.

    Attributes:
        role: Why it is shown: "best", "running", "chosen" or "other".
        trial: Its number.
        train: (epoch, objective on the training part); empty where it is not measured.
        validation: (epoch, objective on the validation part); empty where it is not measured.
    """

    role: str
    trial: int
    train: Points
    validation: Points


class CurvesInfo(NamedTuple):
    """Learning curves, in the order of the legend."""

    objective: str
    curves: tuple[Curve, ...]

    def of(self, role: str) -> Curve | None:
        """Returns the curve shown for a reason, or None."""
        return next((curve for curve in self.curves if curve.role == role), None)


def curves_info(history: History) -> CurvesInfo:
    """Returns the curves of the incumbent and of the running trial."""
    return _info(history, best=history.incumbent, running=history.running)


def chosen_curves_info(history: History, chosen: int | None, other: int | None) -> CurvesInfo:
    """Returns the curves of the chosen trial and of one to compare it with."""
    known = {"chosen": chosen, "other": other if other != chosen else None}
    trials = {
        role: history[number] if number is not None and number < len(history) else None
        for role, number in known.items()
    }
    return _info(history, **trials)


def draw_curves(info: CurvesInfo, ax: Axes) -> Axes:
    """Draws the learning curves, or moves what an earlier call drew."""
    # One dashed line of them explains what dashes mean.
    explained = info.curves[0].role if info.curves else None
    for role, color in _COLORS.items():
        known = info.of(role) or Curve(role, -1, (), ())
        dots = "o" if len(known.validation) <= _DOTS else ""
        solid = {"color": color, "linewidth": 2, "marker": dots, "markersize": 4}
        dashed = {"color": color, "linewidth": 1.3, "linestyle": (0, (4, 2)), "alpha": 0.85}
        name = "training" if role == explained else "_"
        ink.put(ax, f"{role}, training", known.train, label=name, **dashed)
        label = (
            f"trial {known.trial}"
            if role in ("chosen", "other")
            else f"{role}: trial {known.trial}"
        )
        ink.put(ax, role, known.validation, label=label, **solid)
    ink.finish(ax, "Learning curves", "epoch", info.objective.removeprefix("val_"))
    ink.whole_numbers(ax)
    return ax


def describe_curves(info: CurvesInfo) -> str:
    """Returns in words whose curves `draw_curves` draws."""
    shown = [f"{curve.role} trial {curve.trial}" for curve in info.curves]
    return f"learning curves of {' and '.join(shown) or 'no trial yet'}"


def _info(history: History, **trials: Trial | None) -> CurvesInfo:
    curves = [_curve(role, t, history.objective) for role, t in trials.items() if t is not None]
    return CurvesInfo(history.objective, tuple(curves))


def _curve(role: str, trial: Trial, objective: str) -> Curve:
    train = objective.removeprefix("val_")
    parts = (
        tuple((epoch, logs[name]) for epoch, logs in enumerate(trial.curve, 1) if name in logs)
        for name in (train, f"val_{train}")
    )
    return Curve(role, trial.number, *parts)
