"""What single views draw; what all of them keep is in `test_all`."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from nas_nb.explain.importance import ChoiceImportance, Effect
from nas_nb.notebook.plots.choices import (
    ABSENT,
    EFFECTS,
    IMPORTANCE,
    PARALLEL,
    ImportanceInfo,
    axis_place,
    axis_ticks,
    choice_axes,
    describe_parallel,
    draw_parallel,
    importance_info,
    parallel_info,
)
from nas_nb.notebook.plots.drawing import goodness
from nas_nb.notebook.plots.figures import Picture
from nas_nb.notebook.plots.pareto import (
    FidelitiesInfo,
    describe_pareto,
    draw_fidelities,
    draw_pareto,
    fidelities_info,
    pareto_info,
)
from nas_nb.notebook.plots.space_map import map_info
from nas_nb.record.history import History
from tests.notebook.fakes import DOMAIN, FAILED, add_trial, history_of, plot_context, tell


def trained(history, score, params, epochs=1, granted=1):
    number = len(history)
    values = {"depth": 1, "layer_1": "Dense", "units_1": number + 1}
    tell(history, "trial_proposed", trial=number, values=values, origin="random")
    tell(history, "trial_started", trial=number, attempt=1, seed=1, epochs=granted)
    tell(history, "trial_built", trial=number, costs={"params": params})
    for epoch in range(1, epochs + 1):
        logs = {"val_accuracy": score}
        tell(history, "epoch_ended", trial=number, epoch=epoch, logs=logs, duration_s=1.0)
    tell(history, "trial_ended", trial=number, status="completed", score=score, duration_s=1.0)


def test_the_front_are_the_trials_that_no_other_beats():
    history = history_of()
    for score, params in ((0.5, 100), (0.8, 1000), (0.7, 2000), (0.9, 3000)):
        trained(history, score, params)
    info = pareto_info(plot_context(history, cost="params", chosen=2))
    assert info.trials == (0, 1, 3)
    assert info.chosen == ((2000, 0.7),)
    assert "3 of them form the front, from 0.5 at 100 to 0.9 at 3,000" in describe_pareto(info)
    assert draw_pareto(info, Figure().add_subplot()).get_xscale() == "log"


def test_a_cost_that_no_trial_has_makes_an_empty_picture():
    assert pareto_info(plot_context(history_of(0.5), cost="macs")).completed == ()


def test_a_choice_that_is_not_made_has_a_place_below_the_others():
    choices = {choice.name: choice for choice in choice_axes(DOMAIN)}
    assert list(choices) == ["depth", "layer_1", "units_1", "layer_2", "units_2"]
    assert axis_place(choices["layer_2"], {"depth": 1}) == ABSENT
    assert axis_place(choices["units_2"], {"units_2": 64}) == 1.0
    assert axis_place(choices["units_1"], {"units_1": 1}) == 0.0
    assert axis_ticks(choices["units_1"])[-1] == (1.0, "2e+03")


def test_of_parallel_lines_the_best_is_drawn_last_and_the_chosen_one_is_never_left_out():
    history = history_of(*[0.9] * 250, 0.1)
    info = parallel_info(plot_context(history, chosen=250))
    assert len(info.strands) == 201
    assert info.chosen.trial == 250
    assert info.strands[-1].good == 1.0


def test_texts_at_a_narrow_axis_end_before_the_next_one():
    ax = Figure(figsize=(3, 3)).add_subplot()
    draw_parallel(parallel_info(plot_context(history_of(0.5, 0.9))), ax)
    ax.figure.canvas.draw()
    texts = [text for text in ax.texts if text.get_text() in ("Conv2D", "Dense", "none", "2e+03")]
    assert len(texts) > 4
    for text in texts:
        following = ax.transData.transform((int(text.get_position()[0]) + 1, 0))[0]
        assert text.get_window_extent().x1 <= following


def test_trials_keep_their_place_on_the_map_when_others_come():
    history = history_of()
    add_trial(history, 0.5, depth=1, layer_1="Dense", units_1=10)
    (before,) = map_info(plot_context(history)).spots
    for units in range(20, 60):
        add_trial(history, 0.7, depth=1, layer_1="Conv2D", units_1=units)
    after = next(spot for spot in map_info(plot_context(history)).spots if spot.trial == 0)
    assert (before.x, before.y) == (after.x, after.y)


def test_trials_from_outside_of_the_space_are_not_on_the_map():
    history = history_of()
    add_trial(history, 0.5, something="else")
    assert map_info(plot_context(history)).spots == ()


def test_importance_waits_for_enough_trials_and_names_what_decides():
    history = history_of()
    assert importance_info(plot_context(history)).bars == ()
    for number in range(60):
        kind = "Conv2D" if number % 2 else "Dense"
        add_trial(history, 0.5 + 0.3 * (number % 2), depth=1, layer_1=kind, units_1=number % 7 + 1)
    info = importance_info(plot_context(history))
    assert info.bars[0].name == "layer_1"
    assert info.bars[0].share > 0.9
    assert "drawn at random" in info.told


@pytest.mark.parametrize("plot", [IMPORTANCE, EFFECTS])
def test_long_names_of_choices_are_cut_where_the_picture_ends_and_what_is_left_out_is_told(plot):
    effects = tuple(
        Effect(f"0.000849{n} to 0.00099", n - 1.0, n - 2.0, n + 0.5, 9) for n in range(30)
    )
    bar = ChoiceImportance("learning_rate_of_the_first_layer", 0.5, 0.4, 0.6, 40, effects)
    picture = Picture(plot, width=4.0, margins=plot.margins)
    info = ImportanceInfo("val_accuracy", "max", (bar,), "", 3)
    ax = plot.draw(info, picture._axes[0])
    ax.figure.canvas.draw()
    labels = ax.get_yticklabels()
    assert labels[0].get_text().startswith("learning")
    assert all(label.get_window_extent().x0 >= 0 for label in labels)
    assert "more choices matter less" in ax.get_xlabel() or "matter most" in ax.get_xlabel()


def test_what_effects_are_is_told_in_a_narrow_picture_to_its_end():
    effects = tuple(Effect(f"{n}", n - 1.0, n - 2.0, n + 0.5, 9) for n in range(3))
    bar = ChoiceImportance("units", 0.5, 0.4, 0.6, 40, effects)
    picture = Picture(EFFECTS, width=5.4, height=EFFECTS.height, margins=EFFECTS.margins)
    ax = EFFECTS.draw(ImportanceInfo("val_accuracy", "max", (bar,), "", 3), picture._axes[0])
    ax.figure.canvas.draw()
    told = ax.xaxis.label.get_window_extent()
    assert told.x0 >= 0
    assert told.x1 <= ax.figure.bbox.x1
    assert told.y0 >= 0


def test_fidelities_count_how_many_trials_got_how_far():
    history = history_of(FAILED)
    for epochs in (1, 1, 1, 3, 9):
        trained(history, 0.5, 10, epochs=epochs, granted=epochs)
    assert fidelities_info(plot_context(history)).levels == ((1, 5), (3, 2), (9, 1))
    assert fidelities_info(plot_context(History())).levels == ()


def test_the_count_of_a_fidelity_stands_beside_its_bar_however_narrow():
    ax = Figure().subplots()
    draw_fidelities(FidelitiesInfo(((1, 9000), (27, 1))), ax)
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.texts if text.get_visible()] == ["9,000", "1"]
    for bar, text in zip(ax.patches, (t for t in ax.texts if t.get_visible()), strict=True):
        shown = text.get_window_extent()
        assert bar.get_window_extent().x1 <= shown.x0
        assert shown.x1 <= ax.bbox.x1


def test_colours_are_not_used_up_by_a_few_bad_scores():
    good = goodness([0.0, 0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96], "max")
    assert good[0] == 0.0
    assert good[-1] == 1.0
    assert 0.2 < good[1] < 0.6
    assert goodness([1.0, 2.0], "min") == (1.0, 0.0)
    assert goodness([1.0, 1.0], "min") == (1.0, 1.0)


def test_lines_that_do_not_pass_what_is_brushed_are_not_lit():
    history = history_of()
    for score, units in ((0.5, 1), (0.7, 1000), (0.9, 2048)):
        add_trial(history, score, depth=1, layer_1="Dense", units_1=units)
    whole = parallel_info(plot_context(history))
    assert [axis.name for axis in whole.axes][-1] == "val_accuracy"
    assert [strand.places[-1] for strand in whole.strands][-1] == 1.0
    context = plot_context(history)._replace(brushed={"units_1": (0.3, 1.1)})
    info = parallel_info(context)
    assert [strand.lit for strand in info.strands] == [False, True, True]
    assert "2 of them pass what is selected of units_1" in describe_parallel(info)
    assert {mark[0] for mark in PARALLEL.marks(info)} == {1, 2}
    assert parallel_info(context._replace(brushed={"gone": (0, 0.1)})).strands == whole.strands
    ax = draw_parallel(info, Figure().add_subplot())
    assert PARALLEL.brush(info, 2.2) == "units_1"
    assert PARALLEL.brush(info, 99) == "val_accuracy"
    ax.figure.canvas.draw()
