from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

import nas_nb as nas
from nas_nb.data.dataset import Data
from nas_nb.errors import JournalError
from nas_nb.evaluate import trainer
from nas_nb.evaluate.backend import on_tensorflow
from nas_nb.record.journal import read_history
from nas_nb.search.search import Search
from nas_nb.workers.control import SearchState
from tests.search.tiny import LONG, eventually, tiny_data, tiny_search, unbuildable


def running_search(directory: Path) -> Search:
    search = tiny_search(directory, epochs=LONG).start()
    assert eventually(lambda: search.history.epochs_spent > 2)
    return search


def test_a_full_disk_pauses_the_search_and_room_lets_it_go_on(tiny_disk: Path):
    (tiny_disk / "ballast").write_bytes(b"x" * 32_768)
    search = running_search(tiny_disk / "project")
    try:
        assert eventually(lambda: search.state is SearchState.PAUSED)
        assert "No space left" in (search.reason or "")
        assert "Nothing was lost" in (search.reason or "")
        measured = search.history[0].curve
        (tiny_disk / "ballast").unlink()
        search.resume()
        assert eventually(lambda: len(search.history[0].curve) > len(measured))
        assert search.history[0].curve[: len(measured)] == measured
    finally:
        search.stop()
        search.wait()
    assert read_history(tiny_disk / "project" / "journal.jsonl")[0].curve == search.history[0].curve


def test_a_disk_without_room_for_weights_costs_no_trial(tiny_disk: Path):
    rng = np.random.default_rng(0)
    data = Data.from_arrays(rng.normal(size=(60, 64)), rng.integers(0, 2, 60))
    space = {"layers": ["Dense"], "units": [300], "activations": ["relu"], "depth": [1]}
    search = Search(
        space, data, strategy="random", max_trials=1, epochs=1, directory=tiny_disk / "project"
    ).run()
    assert search.trials["status"][0] == "completed"
    for what in ("weights", "state"):
        assert f"its {what} could not be kept: No space left" in search.trials["note"][0]
    assert not list((tiny_disk / "project").glob("*/*"))


def test_a_full_disk_fails_a_tuners_trial_and_leaves_no_half_file(tiny_disk: Path):
    def build(hp: kt.HyperParameters) -> keras.Model:
        hp.Choice("units", [300])
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(300)])
        model.compile("adam", "mse")
        return model

    x, y = np.ones((8, 64), "float32"), np.ones((8, 300), "float32")
    tuner = nas.RandomSearch(build, "val_loss", max_trials=1, directory=tiny_disk)
    tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
    (trial,) = tuner.oracle.trials.values()
    assert trial.status == "FAILED"
    assert "No space left" in trial.message
    assert not [*tiny_disk.rglob("partial_*"), *tiny_disk.rglob("*.weights.h5")]


def test_a_full_disk_lets_the_search_be_stopped_and_resumed_later(tiny_disk: Path):
    (tiny_disk / "ballast").write_bytes(b"x" * 32_768)
    search = running_search(tiny_disk / "project")
    assert eventually(lambda: search.state is SearchState.PAUSED)
    search.stop()
    assert eventually(lambda: not search.state.live)
    measured = len(search.history[0].curve)
    (tiny_disk / "ballast").unlink()
    search.start()
    assert eventually(lambda: search.history[0].attempt == 2)
    search.stop()
    search.wait()
    assert measured > 2


def test_a_deleted_folder_pauses_the_search_and_comes_back_whole(tmp_path: Path):
    search = running_search(tmp_path / "project")
    shutil.rmtree(tmp_path / "project")
    assert eventually(lambda: search.state is SearchState.PAUSED)
    assert "deleted" in (search.reason or "")
    search.resume()
    assert eventually((tmp_path / "project" / "journal.jsonl").is_file)
    search.stop()
    search.wait()
    back = read_history(tmp_path / "project" / "journal.jsonl")
    assert back[0].curve == search.history[0].curve
    assert search.state is SearchState.STOPPED


def test_a_newer_journal_is_not_touched(tmp_path: Path):
    opening = {"event": "search_opened", "time": 0.0, "journal": 99, "seed": 0}
    journal = tmp_path / "journal.jsonl"
    journal.write_text(json.dumps({**opening, "objective": "x", "direction": "max"}) + "\n")
    before = journal.read_bytes()
    with pytest.raises(JournalError, match="newer nas_nb"):
        tiny_search(tmp_path)
    assert journal.read_bytes() == before


def test_a_torn_last_line_costs_that_line_alone(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1).run()
    journal = tmp_path / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"event": "trial_prop')
    again = tiny_search(tmp_path, max_trials=2)
    assert again.history.completed == search.history.completed
    assert len(again.run().history.completed) == 2


def test_a_missing_checkpoint_is_told_when_the_model_is_asked_for(tmp_path: Path):
    search = tiny_search(tmp_path).run()
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(ValueError, match="weights of trial"):
        search.best.model()
    assert search.best.score > 0


def test_a_trial_over_its_time_is_a_row_with_its_reason(tmp_path: Path):
    search = tiny_search(tmp_path, epochs=LONG, max_trials=1, max_time_per_trial=2).run()
    assert search.trials["status"][0] == "failed"
    assert "max_time_per_trial=2 s" in search.trials["reason"][0]
    assert search.history[0].epochs > 0


def test_too_much_memory_pauses_the_search_with_advice(tmp_path: Path):
    search = tiny_search(tmp_path, max_memory="10 MB").start()
    assert eventually(lambda: search.state is SearchState.PAUSED)
    assert "Restart it" in (search.reason or "")
    search.resume()
    search.wait()
    assert search.state is SearchState.FINISHED


def out_of_memory() -> Exception:
    """What the library under Keras raises."""
    if on_tensorflow():
        import tensorflow as tf

        return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
    return RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte.")


def test_out_of_memory_is_tried_once_more_with_half_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[int] = []
    real = trainer.train

    def hungry(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["batch_size"])
        if kwargs["batch_size"] > 16:
            raise out_of_memory()
        return real(*args, **kwargs)

    monkeypatch.setattr(trainer, "train", hungry)
    search = tiny_search(tmp_path, max_trials=1).run()
    assert seen == [32, 16]
    assert search.trials["status"][0] == "completed"
    note, *rest = search.trials["note"][0].split("; ")
    assert note == "out of memory at batch size 32: trained at 16"
    assert len(rest) == (not on_tensorflow())  # elsewhere it is trained by `fit`, and says so


def test_a_candidate_that_never_fits_is_a_row_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def starved(*args: Any, **kwargs: Any) -> Any:
        raise MemoryError("nothing left")

    monkeypatch.setattr(trainer, "train", starved)
    search = tiny_search(tmp_path, max_trials=1).run()
    assert search.trials["status"][0] == "failed"
    assert search.trials["reason"][0] == ("Out of memory: take smaller layers or a smaller batch.")


def test_a_candidate_over_max_macs_is_rejected_before_it_has_weights(tmp_path: Path):
    search = tiny_search(tmp_path, max_macs=1, max_trials=1).run()
    assert search.trials["reason"][0] == "The model has more macs than max_macs=1 allows."
    assert search.history[0].costs["macs"] > 1


def test_a_candidate_over_max_latency_is_rejected_before_it_is_trained(tmp_path: Path):
    search = tiny_search(tmp_path, max_latency="1 ns", max_trials=1).run()
    reason = "The model takes longer than max_latency=1e-09 s for one sample."
    assert search.trials["reason"][0] == reason
    assert search.history[0].costs["latency_s"] > 1e-9
    assert search.history[0].epochs == 0
    assert search.history.opened[0]["budget"]["max_latency_s"] == 1e-9


def test_a_fast_candidate_is_trained_and_its_latency_kept(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1)
    search.configure(max_latency="1 min")
    search.run()
    latency_s = search.best.record.costs["latency_s"]
    assert 0 < latency_s < 60
    assert float(repr(search.best).rpartition("latency_s: ")[2]) == pytest.approx(
        latency_s, rel=0.01
    )
    assert nas.open(tmp_path, data=tiny_data()).budget.max_latency_s == 60


def test_weights_and_states_that_cannot_be_written_cost_no_trial(tmp_path: Path):
    for name in ("checkpoints", "states"):
        (tmp_path / name).write_text("a file where a folder should be")
    search = tiny_search(tmp_path, max_trials=1).run()
    assert search.trials["status"][0] == "completed"
    note = search.trials["note"][0]
    assert "its weights could not be kept: " in note
    assert "its state could not be kept: " in note
    with pytest.raises(ValueError, match="weights of trial"):
        search.best.model()


def test_what_can_not_be_removed_after_the_last_trial_is_told_at_the_end(tmp_path: Path):
    def propose(history: Any, rng: Any) -> dict[str, Any]:
        (tmp_path / "states" / "trial_000000.npz").mkdir(parents=True, exist_ok=True)
        return {"kernel": 9}

    search = tiny_search(tmp_path, space=unbuildable, strategy=propose, max_trials=1).run()
    assert search.state is SearchState.FINISHED
    assert "trial_000000.npz could not be removed: " in (search.reason or "")
    assert "could not be removed" in (tmp_path / "journal.jsonl").read_text().splitlines()[-1]
