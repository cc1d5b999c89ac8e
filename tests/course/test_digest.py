from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from nas_nb.course.digest import digest
from nas_nb.errors import SearchError

OPENED = {"event": "search_opened", "objective": "val_accuracy", "direction": "max", "seed": 3}


def trial(number: int, curve: list[float], began: float = 100.0, **ended: float) -> list[dict]:
    """Returns the events of a trial of ten seconds, of which each epoch takes two."""
    began += 20 * number
    values = {"units": number + 1}
    last = {"status": "completed", "score": max(curve, default=0.5), **ended}
    return [
        {
            "event": "trial_proposed",
            "time": began,
            "trial": number,
            "values": values,
            "origin": "x",
        },
        {"event": "trial_started", "time": began, "trial": number, "attempt": 1, "epochs": 3},
        *(
            {
                "event": "epoch_ended",
                "time": began + 2 * epoch,
                "trial": number,
                "epoch": epoch,
                "logs": {"val_accuracy": score, "val_loss": 1 / (number + epoch)},
                "duration_s": 2.0,
            }
            for epoch, score in enumerate(curve, 1)
        ),
        {"event": "trial_ended", "time": began + 10, "trial": number, **last},
    ]


def journal(folder: Path, *trials: list[dict]) -> Path:
    events = [{**OPENED, "time": 99.0}, *(event for one in trials for event in one)]
    text = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "journal.jsonl").write_text(text)
    return folder


HONEST = (trial(0, [0.4, 0.7, 0.6]), trial(1, [0.5, 0.8234, 0.8]))


def test_an_honest_search_fits(tmp_path: Path):
    found = digest(journal(tmp_path, *HONEST))
    assert found.fits
    assert found.measured(0.823) == [1]
    assert found.measured(0.9) == []
    score = found.scores[1]
    assert all(1 in found.measured(round(score, digits)) for digits in range(3, 18))
    assert found.measured(score) == [1]
    assert found.measured(round(score, 5) + 1e-5) == found.measured(math.inf) == []
    assert str(found).startswith(
        "2 of 2 trials completed, 6 epochs in 12 s of training, 1970-01-01 00:01:39 UTC to "
        "1970-01-01 00:02:10 UTC, best val_accuracy 0.8234 (trial 1): all of it fits. Journal "
    )
    told = json.loads(found.to_json())
    assert told["best"] == {"trial": 1, "score": 0.8234}
    assert told["doubts"] == []


@pytest.mark.parametrize(
    ("trials", "doubt"),
    [
        ([HONEST[0], trial(1, [0.5, 0.6], score=0.99)], "the score of trial 1 is not the best"),
        ([trial(0, [], score=0.9)], "trial 0 has a score and no learning curve"),
        ([HONEST[0], trial(1, [0.5], began=10.0)], "was written before the line above it"),
        ([trial(0, [0.1] * 9)], "the epochs of trial 0 took longer than the trial"),
    ],
)
def test_what_does_not_fit_is_a_doubt(trials: list, doubt: str, tmp_path: Path):
    found = digest(journal(tmp_path, *trials))
    assert not found.fits
    assert doubt in str(found)


def test_a_copied_trial_and_an_epoch_without_time_are_doubts(tmp_path: Path):
    copy = [
        {**event, "logs": other["logs"], "duration_s": 0.0} if "logs" in other else event
        for event, other in zip(trial(1, [0.4, 0.7, 0.6]), HONEST[0], strict=True)
    ]
    found = digest(journal(tmp_path, HONEST[0], copy))
    assert "trials 0 and 1 have the same learning curve" in found.doubts
    assert "epoch 2 of trial 1 took no time" in found.doubts


def test_a_folder_without_a_search_is_refused(tmp_path: Path):
    with pytest.raises(SearchError, match=r"Received: .*: no journal\.jsonl"):
        digest(tmp_path)
    (tmp_path / "journal.jsonl").write_text("")
    with pytest.raises(SearchError, match="nothing was started"):
        digest(tmp_path)
