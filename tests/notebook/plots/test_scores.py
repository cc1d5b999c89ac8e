from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import pytest
from matplotlib.figure import Figure

from nas_nb.notebook.plots.scores import (
    TIMELINE,
    chosen_curves_info,
    curves_info,
    describe_curves,
    describe_scores,
    draw_curves,
    draw_scores,
    scores_info,
)
from nas_nb.record.history import History
from tests.notebook.fakes import FAILED, RUNNING, add_trial, history_of, plot_context, tell


def axes():
    return Figure().add_subplot()


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_scores_are_by_trial_and_failures_are_apart():
    info = scores_info(plot_context(history_of(0.5, FAILED, 0.75, RUNNING)))
    assert info.completed == ((0, 0.5), (2, 0.75))
    assert info.failed == (1,)
    assert info.running == ((3, 0.5),)


def test_the_incumbents_line_steps_up_and_ends_past_the_latest_trial():
    info = scores_info(plot_context(history_of(0.5, 0.4, 0.75, 0.6)))
    assert info.incumbent == ((0, 0.5), (2, 0.75), (3.5, 0.75))


def test_when_less_is_better_the_line_steps_down():
    info = scores_info(
        plot_context(history_of(3.0, 1.0, 2.0, direction="min", objective="val_loss"))
    )
    assert info.incumbent == ((0, 3.0), (1, 1.0), (2.5, 1.0))


def test_a_score_that_would_flatten_the_others_goes_to_the_edge():
    scores = (1.0, 1.1, 1.2, 1.3, 1e6)
    info = scores_info(plot_context(history_of(*scores, direction="min", objective="val_loss")))
    assert info.off_scale == ((4, 1),)
    assert len(info.completed) == 4


def test_a_first_incumbent_off_the_scale_leaves_the_line():
    scores = (1e6, 1.0, 1.1, 1.2, 1.3)
    info = scores_info(plot_context(history_of(*scores, direction="min", objective="val_loss")))
    assert info.incumbent[0] == (1, 1.0)


def test_accuracies_never_leave_the_scale():
    assert scores_info(plot_context(history_of(0.97, 0.98, 0.96, 0.97, 0.10))).off_scale == ()


def test_a_running_trial_far_below_waits_at_the_edge_and_moves_no_other_mark():
    before = draw_scores(scores_info(plot_context(history_of(0.90, 0.95))), axes())
    info = scores_info(plot_context(history_of(0.90, 0.95, RUNNING)))
    assert info.running == ((2, 0.90),)
    assert draw_scores(info, axes()).get_ylim() == before.get_ylim()
    better = scores_info(plot_context(history_of(0.3, 0.4, RUNNING)))
    assert better.running == ((2, 0.5),)


def test_infinite_scores_are_not_drawn():
    info = scores_info(
        plot_context(history_of(1.0, math.inf, direction="min", objective="val_loss"))
    )
    assert info.completed == ((0, 1.0),)


def test_curves_are_those_of_the_best_and_of_the_running_trial():
    info = curves_info(plot_context(history_of(0.5, 0.75, 0.6, RUNNING)))
    assert info.of("best").trial == 1
    assert info.of("best").validation == info.of("best").train == ((1, 0.75),)
    assert info.of("running").trial == 3


def test_an_objective_on_the_training_part_still_finds_both_curves():
    history = history_of(0.5, objective="accuracy")
    assert curves_info(plot_context(history)).of("best").train == ((1, 0.5),)
    assert curves_info(plot_context(history)).of("best").validation == ()


@pytest.mark.parametrize("history", [History(), history_of(FAILED), history_of(RUNNING)])
def test_histories_without_a_completed_trial_can_be_drawn(history):
    assert scores_info(plot_context(history)).incumbent == ()
    draw_scores(scores_info(plot_context(history)), axes()).figure.canvas.draw()
    draw_curves(curves_info(plot_context(history)), axes()).figure.canvas.draw()


def test_an_empty_plot_says_so_until_a_trial_arrives():
    history, ax = history_of(), axes()
    words = draw_scores(scores_info(plot_context(history)), ax).texts[0]
    assert words.get_visible()
    add_trial(history, 0.5)
    draw_scores(scores_info(plot_context(history)), ax)
    assert not words.get_visible()
    assert ax.get_ylabel() == "val_accuracy"
    assert len(ax.get_xticks()) > 0


def test_without_an_epoch_no_trial_is_denied():
    info, ax = curves_info(plot_context(history_of(FAILED))), axes()
    draw_curves(info, ax)
    assert [text.get_text() for text in ax.texts] == ["no epoch yet"]
    assert describe_curves(info) == "learning curves: no epoch yet"


def test_a_timeline_explains_each_colour_once():
    history, ax = history_of(0.5, FAILED, 0.75, FAILED, RUNNING), axes()
    for _ in range(2):
        TIMELINE.draw(TIMELINE.info(plot_context(history)), ax)
    assert labels(ax) == ["completed", "not completed", "running"]


def test_drawing_again_moves_what_is_there():
    history, ax = history_of(0.5), axes()
    draw_scores(scores_info(plot_context(history)), ax)
    lines = list(ax.lines)
    add_trial(history, 0.75)
    draw_scores(scores_info(plot_context(history)), ax)
    assert list(ax.lines) == lines
    dots = next(line for line in lines if line.get_gid() == "completed")
    assert list(dots.get_xdata()) == [0, 1]
    assert ax.get_xlim()[1] > 1


def test_while_trials_come_both_scales_stay_for_most_of_them_and_fit_at_the_end():
    noise, history, ax = Random(0), history_of(0.91), axes()
    scales = [ax.viewLim.bounds]
    for _ in range(59):
        add_trial(history, round(noise.uniform(0.90, 0.99), 4))
        draw_scores(scores_info(plot_context(history)._replace(live=True)), ax)
        assert ax.viewLim.containsy(history.incumbent.score)
        assert ax.viewLim.containsx(len(history.trials) - 1)
        scales.append(ax.viewLim.bounds)
    assert sum(one != next_one for one, next_one in pairwise(scales)) <= 12
    draw_scores(scores_info(plot_context(history)), ax)
    assert ax.get_xlim()[1] < 62
    assert ax.viewLim.height < 0.12


def test_epochs_of_a_search_s_first_trial_move_the_scales_seldom():
    history, axes_of_both = history_of(RUNNING), (axes(), axes())
    scales = []
    for epoch in range(2, 11):
        logs = {"accuracy": 0.5 + 0.01 * epoch, "val_accuracy": 0.5 + 0.01 * epoch}
        tell(history, "epoch_ended", trial=0, epoch=epoch, logs=logs, duration_s=1.0)
        context = plot_context(history)
        draw_scores(scores_info(context)._replace(live=True), axes_of_both[0])
        draw_curves(curves_info(context)._replace(live=True), axes_of_both[1])
        scales.append([(ax.get_xlim(), ax.get_ylim()) for ax in axes_of_both])
    assert len({scale for scale, _ in scales}) == 1
    assert len({scale for _, scale in scales}) <= 5  # of 9: the range of its scores grows
    assert len({across for _, (across, _) in scales}) == 1


def test_the_legend_names_only_what_is_drawn():
    assert labels(draw_scores(scores_info(plot_context(history_of(0.5))), axes())) == [
        "incumbent",
        "trial",
    ]
    shown = labels(draw_curves(curves_info(plot_context(history_of(0.5, RUNNING))), axes()))
    assert shown == ["best: trial 0", "running", "training"]
    info = curves_info(plot_context(history_of(0.5, RUNNING))._replace(live=True))
    assert labels(draw_curves(info, axes())) == ["best", "running", "training"]


def test_the_axes_say_what_they_measure():
    ax = draw_curves(curves_info(plot_context(history_of(0.5))), axes())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "accuracy")


def test_plots_can_be_told_in_words():
    history = history_of(0.5, FAILED, RUNNING)
    told = describe_scores(scores_info(plot_context(history)))
    assert "1 completed and 1 failed" in told
    assert "best 0.5" in told
    assert "best trial 0 and running trial 2" in describe_curves(curves_info(plot_context(history)))


def test_what_was_steered_is_marked_after_the_trial_that_had_started():
    history = history_of(0.5, 0.6)
    tell(history, "steered", action="restrict", detail={"at_least": {"units": [64]}})
    tell(history, "steered", action="pause", detail={})
    add_trial(history, 0.7)
    info = scores_info(plot_context(history))
    assert info.steered == ((1.5, "restricted: units at least 64"),)
    assert "steered once" in describe_scores(info)
    assert "steered" in labels(draw_scores(info, axes()))


def test_the_curves_of_chosen_trials_are_named_by_their_numbers():
    info = chosen_curves_info(plot_context(history_of(0.5, 0.75), chosen=1, other=0))
    assert labels(draw_curves(info, axes())) == ["trial 1", "trial 0", "training"]


def test_scores_stand_over_seconds_of_training_as_well():
    history = history_of(0.5, FAILED, 0.75, RUNNING)
    trials, seconds = (
        scores_info(plot_context(history)._replace(over=over)) for over in ("trials", "seconds")
    )
    assert [place for place, _ in trials.completed] == [0, 2]
    spent = [trial.duration_s for trial in history.trials]
    assert [place for place, _ in seconds.completed] == [spent[0], sum(spent[:3])]
    assert seconds.failed == (sum(spent[:2]),)
    assert seconds.running[0][0] == sum(spent)
    assert seconds.trials == trials.trials == (0, 2, 3)
    ax = draw_scores(seconds, Figure().add_subplot())
    assert ax.get_xlabel() == "seconds of training"
