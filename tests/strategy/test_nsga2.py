import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.strategy.base import proposal_rng
from nas_nb.strategy.multi_objective import Nsga2
from tests.strategy.worlds import choice

WIDE = Domain(tuple(choice(f"c{n}", 0, 1, 2, 3) for n in range(5)))


def search(trials: int, *, costs: bool, elite: float = 0.5) -> History:
    """The score is the sum of the choices; the cost too: every trade-off is on the front."""
    history = History()
    history.apply({"event": "search_opened", "objective": "sum", "direction": "max", "seed": 0})
    strategy = Nsga2(population=8, elite=elite, domain=WIDE)
    for number in range(trials):
        values = strategy.propose(history, proposal_rng(0, number))
        total = float(sum(values.values()))
        for event in (
            {"event": "trial_proposed", "values": values, "origin": "nsga2"},
            {"event": "trial_started"},
            {"event": "trial_built", "costs": {"params": total**2} if costs else {}},
            {"event": "trial_ended", "status": "completed", "score": total},
        ):
            history.apply({"trial": number, **event})
    return history


def test_it_spreads_along_the_front() -> None:
    totals = {sum(trial.values.values()) for trial in search(80, costs=True).completed}
    assert min(totals) <= 2
    assert max(totals) >= 14


def test_without_costs_only_the_score_counts() -> None:
    later = search(60, costs=False).completed[20:]
    assert sum(trial.score or 0 for trial in later) / 40 > 11


def test_the_elite_raises_the_score_where_costs_pull_it_down() -> None:
    last = [
        sum(trial.score or 0 for trial in search(60, costs=True, elite=elite).completed[-30:]) / 30
        for elite in (0.0, 1.0)
    ]
    assert last[1] > last[0] + 2


@pytest.mark.parametrize("options", [{"population": 1}, {"crossover": 1.5}, {"elite": -0.1}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(StrategyError, match=next(iter(options))):
        Nsga2(**options)
