from __future__ import annotations

import errno
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.errors import SearchError
from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.evaluate.training_state import TrainingState
from nas_nb.record.events import EventKind
from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from nas_nb.record.trial import Trial
from nas_nb.workers.checkpoints import (
    CheckpointStore,
    TrainingStateStore,
    files_for,
    foreign_files,
    load_checkpoint,
    plain_file,
    take_file,
    weights_file,
    without_optimizer,
)


def small_model(units: int = 2) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units)])
    model.compile("adam", "mse")
    return model


def trained() -> keras.Model:
    model = small_model()
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return model


def started(trials: int, **ends: Any) -> Journal:
    """Returns the journal of trials that were started, and ended where a status is given."""
    journal = Journal.in_memory()
    journal.append(EventKind.SEARCH_OPENED, objective="loss", direction="min", seed=0)
    for number in range(trials):
        journal.append(EventKind.TRIAL_PROPOSED, trial=number, values={"n": number}, origin="test")
        journal.append(EventKind.TRIAL_STARTED, trial=number)
        if ends:
            journal.append(EventKind.TRIAL_ENDED, trial=number, **ends)
    return journal


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints", History(), kept=2)


@pytest.fixture
def states(tmp_path: Path) -> TrainingStateStore:
    return TrainingStateStore(tmp_path / "states", started(2).history, Fidelity())


STATE = TrainingState(
    3, ([np.arange(6.0).reshape(2, 3), np.array(7)], [np.ones(2)]), 2, [np.eye(2)]
)


def test_a_checkpoint_holds_the_weights_and_nothing_of_the_optimizer(
    checkpoints: CheckpointStore,
) -> None:
    model = trained()
    optimizer = model.optimizer
    name = checkpoints.save(model, [w + 1 for w in model.get_weights()], 3, 0.5)
    found: list[str] = []
    with h5py.File(checkpoints.folder / name) as file:
        file.visit(found.append)
    assert any(entry.startswith("layers/dense/vars") for entry in found)
    assert not any("optimizer" in entry for entry in found)
    assert model.optimizer is optimizer


def test_keras_reads_a_checkpoint_as_any_file_of_weights(checkpoints: CheckpointStore) -> None:
    model, other = trained(), small_model()
    name = checkpoints.save(model, model.get_weights(), 0, 0.5)
    other.load_weights(checkpoints.folder / name)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def contents(file: Any) -> dict[str, Any]:
    """Returns all groups and arrays of a file of weights, with the names that Keras gave them."""
    found: dict[str, Any] = {}
    with h5py.File(file) as opened:

        def take(path: str, item: Any) -> None:
            array = item[()].tolist() if isinstance(item, h5py.Dataset) else None
            found[path] = dict(item.attrs), str(getattr(item, "dtype", "")), array

        opened.visititems(take)
    return found


def convolved() -> keras.Model:
    x = start = keras.Input((4, 4, 1))
    for _ in range(2):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(2, 3, padding="same")(x)))
    x = layers.Concatenate()([x, layers.Activation("tanh")(x)])
    return keras.Model(start, layers.Dense(1)(layers.GlobalAveragePooling2D()(x)))


def shared() -> keras.Model:
    start, dense = keras.Input((3,)), layers.Dense(3)
    return keras.Model(start, dense(dense(start)))


def text() -> keras.Model:
    embed = layers.Embedding(9, 2)
    return keras.Sequential([keras.Input((5,)), embed, layers.Conv1D(2, 3), layers.Flatten()])


@pytest.mark.parametrize("build", [trained, convolved, shared, text])
def test_a_plain_models_file_is_what_keras_writes(build: Callable[[], keras.Model]) -> None:
    model = build()
    model.compile("adam", "mse")
    weights = [array + 1 for array in model.get_weights()]
    written = plain_file(model, weights)
    assert written is not None
    model.set_weights(weights)
    with without_optimizer(model):
        assert contents(written) == contents(weights_file(model))


class Scaled(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


class Counting(layers.Dense):
    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["calls"] = np.array(3)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables({name: store[name] for name in ("0", "1")})


def nested(*between: layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((3,)), *between, layers.Dense(1)])


def with_another() -> keras.Model:
    model = nested()
    model.another = layers.Dense(2)
    model.another.build((None, 3))
    return model


@pytest.mark.parametrize(
    "build",
    [
        lambda: nested(layers.Dropout(0.5)),
        lambda: nested(nested(layers.Dense(3)), layers.Dense(3, activation=layers.PReLU())),
        lambda: nested(Counting(3)),
        lambda: nested(layers.Dense(3, dtype="bfloat16")),
        with_another,
        Scaled,
    ],
    ids=["seeds", "nested", "more than weights", "bfloat16", "another layer", "a class of its own"],
)
def test_what_has_more_than_its_layers_weights_is_written_by_keras(
    build: Callable[[], keras.Model], checkpoints: CheckpointStore
) -> None:
    model = build()
    model.compile("adam", "mse")
    model(np.ones((1, 3)))
    weights = [array + 1 for array in model.get_weights()]
    assert plain_file(model, weights) is None
    name = checkpoints.save(model, weights, 0, 0.5)
    again = build()
    again(np.ones((1, 3)))
    again.load_weights(checkpoints.folder / name)
    for one, two in zip(again.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_a_layer_need_not_save_is_found_once(
    checkpoints: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, made = nested(layers.Dropout(0.5)), []
    model.compile("adam", "mse")
    checkpoints.save(model, model.get_weights(), 0, 0.5)
    usual = layers.Layer.__init__

    def counted(layer: layers.Layer, *args: Any, **kwargs: Any) -> None:
        made.append(layer)
        usual(layer, *args, **kwargs)

    monkeypatch.setattr(layers.Layer, "__init__", counted)
    checkpoints.save(model, model.get_weights(), 1, 0.6)
    assert made == []


def test_only_the_best_keep_their_files(checkpoints: CheckpointStore) -> None:
    model = trained()
    names = [
        checkpoints.save(model, model.get_weights(), number, score)
        for number, score in enumerate([0.4, 0.3, 0.2])
    ]
    checkpoints.remove_unneeded()
    assert {file.name for file in checkpoints.folder.iterdir()} == set(names[:2])


def test_of_equal_scores_the_smaller_models_keep_their_files(checkpoints: CheckpointStore) -> None:
    small = small_model(1)
    for number, model in enumerate([trained(), trained(), small]):
        assert checkpoints.is_wanted(0.4)
        checkpoints.save(model, model.get_weights(), number, 0.4)
    checkpoints.remove_unneeded()
    kept = {file.name for file in checkpoints.folder.iterdir()}
    assert kept == {"trial_000000.weights.h5", "trial_000002.weights.h5"}


def test_members_of_the_front_keep_their_files_too(tmp_path: Path) -> None:
    history = History()
    fields = {"objective": "val_loss", "direction": "min", "seed": 0, "minimised": ["params"]}
    history.apply({"event": "search_opened", "time": 0.0, **fields})
    store = CheckpointStore(tmp_path / "checkpoints", history, kept=1)
    model = trained()
    sized = [(0.1, 900), (0.2, 500), (0.3, 700), (0.4, 100), (0.15, 500)]
    for number, (loss, size) in enumerate(sized):
        costs = {"params": size}
        assert store.is_wanted(loss, costs) == (number != 2)
        if number != 2:
            store.save(model, model.get_weights(), number, loss, costs)
    store.remove_unneeded()
    kept = {f"trial_{number:06d}.weights.h5" for number in (0, 3, 4)}
    assert {file.name for file in store.folder.iterdir()} == kept
    worker = CheckpointStore.for_worker(store.folder, "min", ("params",), store.best)
    worker.kept = 1
    assert worker.is_wanted(0.35, {"params": 100})
    assert not worker.is_wanted(0.4, {"params": 101})


def test_files_of_others_stay_where_the_best_are_pruned(checkpoints: CheckpointStore) -> None:
    checkpoints.folder.mkdir()
    others = ["thesis.weights.h5", "trial_best.weights.h5", "partial_notes", "trial_000009.keras"]
    for name in others:
        (checkpoints.folder / name).write_text("months of training")
    model = trained()
    for number, score in enumerate([0.4, 0.3, 0.2]):
        checkpoints.save(model, model.get_weights(), number, score)
    checkpoints.remove_unneeded()
    assert {file.name for file in checkpoints.folder.iterdir()} >= set(others)


def test_what_a_killed_kernel_left_behind_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("partial_0123abcd_trial_000001.weights.h5", "trial_000001.weights.h5"):
        (folder / name).write_text("")
    CheckpointStore(folder, started(2).history).remove_unneeded()
    assert not list(folder.iterdir())


def test_a_file_that_is_written_again_after_a_kill_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "trial_000001.weights.h5").write_text("its trial was killed before it ended")
    store = CheckpointStore(folder, started(2).history)
    model = trained()
    name = store.save(model, model.get_weights(), 1, 0.5)
    store.remove_unneeded()
    assert (folder / name).stat().st_size > 1000


def test_weights_that_the_journal_does_not_name_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / "trial_000000.weights.h5").write_text("put there by hand")
    history = started(1, status="completed", score=0.5).history
    CheckpointStore(tmp_path, history).remove_unneeded()
    assert (tmp_path / "trial_000000.weights.h5").exists()


@pytest.mark.parametrize("name", ["checkpoints", "states"])
def test_what_can_not_be_removed_is_told_once(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    file = "trial_000000.npz" if name == "states" else "trial_000000.weights.h5"
    (folder / file).mkdir(parents=True)
    ends = {"status": "failed"} if name == "states" else {}
    history = started(1, **ends).history
    store = (
        TrainingStateStore(folder, history, Fidelity())
        if name == "states"
        else CheckpointStore(folder, history)
    )
    store.remove_unneeded()
    assert f"{file} could not be removed: " in (store.trouble() or "")
    store.remove_unneeded()
    assert store.trouble() is None


def test_weights_are_not_written_through_a_link_out_of_the_project(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    for folder in (project, outside):
        folder.mkdir()
    (project / "checkpoints").symlink_to(outside)
    model = trained()
    with pytest.raises(OSError, match="out of the project"):
        CheckpointStore(project / "checkpoints", History()).save(model, model.get_weights(), 0, 1.0)
    assert not list(outside.iterdir())
    assert foreign_files(project, History()) == ["checkpoints"]


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "thesis.h5"
    mine.write_text("months of training")
    states = TrainingStateStore(tmp_path / "states", started(1).history, Fidelity())
    states.folder.mkdir()
    (states.folder / "trial_000000.npz").symlink_to(mine)
    states.write(0, STATE)
    assert mine.read_text() == "months of training"
    assert states.epochs_of(0) == 3


def test_files_of_trials_that_were_never_started_are_foreign(tmp_path: Path) -> None:
    for name in (
        "checkpoints/trial_000000.weights.h5",
        "checkpoints/trial_000007.weights.h5",
        "checkpoints/thesis.weights.h5",
        "states/trial_000001.npz",
        "states/notes.npz",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert foreign_files(tmp_path, started(1).history) == [
        "checkpoints/trial_000007.weights.h5",
        "states/trial_000001.npz",
    ]


def test_a_file_that_outlived_the_last_events_of_its_journal_is_not_foreign(tmp_path: Path) -> None:
    model = trained()
    store = CheckpointStore(tmp_path / "checkpoints", History())
    store.save(model, model.get_weights(), 1, 0.5)
    TrainingStateStore(tmp_path / "states", History(), Fidelity()).write(1, STATE)
    assert foreign_files(tmp_path, started(1).history) == []
    assert len(foreign_files(tmp_path, History())) == 2


def test_a_state_comes_back_as_it_was(states: TrainingStateStore) -> None:
    states.write(1, STATE)
    back = states.read(1)
    assert back is not None
    assert (back.epoch, back.best_epoch, len(back.models)) == (3, 2, 2)
    for one, two in zip(back.models[0], STATE.models[0], strict=True):
        np.testing.assert_array_equal(one, two)
    assert back.best is not None


def test_a_state_with_flipped_bits_is_the_state_or_none(states: TrainingStateStore) -> None:
    states.write(0, STATE)
    file = states.folder / "trial_000000.npz"
    whole = file.read_bytes()
    draws = random.Random(0)
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[draws.randrange(len(whole))] ^= 1 << draws.randrange(8)
        file.write_bytes(damaged)
        back = states.read(0)
        states.epochs_of(0)
        if back is not None:
            assert back.epoch == 3
            np.testing.assert_array_equal(back.models[0][0], STATE.models[0][0])
    for length in range(0, len(whole), 17):
        file.write_bytes(whole[:length])
        assert states.read(0) is None


def archive_of(
    file: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED
) -> None:
    file.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def about(epoch: int, models: int, best: int) -> bytes:
    return header("(3,)", "<i8") + np.array([epoch, models, best]).tobytes()


def state_of(index: bytes, data: bytes = b"\0" * 16, models: int = 1) -> dict[str, bytes]:
    return {
        "about": about(1, models, 1),
        "index": header(f"({len(index)},)", "|u1") + index,
        "data": header(f"({len(data)},)", "|u1") + data,
    }


@pytest.mark.parametrize(
    "members",
    [
        {**state_of(b"[[], []]"), "data": header("(1000000000000,)", "|u1")},
        {**state_of(b"[[], []]"), "data": header("(-1, -1)", "|u1") + b"\0" * 16},
        {**state_of(b"[[], []]"), "data": b"\x93NUMPY\x01\x00\xff\xff{"},
        {**state_of(b"[[], []]"), "about": header("(3,)", "|O") + b"\x80\x04K\x01."},
        {"index": header("(8,)", "|u1") + b"[[], []]", "data": header("(0,)", "|u1")},
        {"about": about(1, 10**18, 1)},
        state_of(b"[[], []]", models=10**18),
        state_of(b'[[["<f4", [1000000000000]]], []]'),
        state_of(b'[[["<f4", [5]]], []]'),
        state_of(b'[[["<f4", [-4]]], []]'),
        state_of(b'[[["<f4", [-2, -2]]], []]'),
        state_of(b'[[["|O", [2]]], []]'),
        state_of(b'[[["<f4,<f4", [2]]], []]'),
        state_of(b'[[["<f4", 4]], []]'),
        state_of(b"[" * 100_000),
        state_of(b'{"models": 1}'),
        state_of(b"not JSON"),
    ],
)
def test_sizes_that_an_archive_claims_are_not_believed(
    states: TrainingStateStore, members: dict[str, bytes]
) -> None:
    archive_of(states.folder / "trial_000000.npz", members)
    assert states.read(0) is None


def test_the_archive_of_these_tests_is_read_where_its_sizes_are_right(
    states: TrainingStateStore,
) -> None:
    members = state_of(b'[[["<f4", [2, 1]], ["<i8", []]], []]')
    archive_of(states.folder / "trial_000000.npz", members)
    back = states.read(0)
    assert back is not None
    assert [(array.dtype, array.shape) for array in back.models[0]] == [
        (np.dtype("f4"), (2, 1)),
        (np.dtype("i8"), ()),
    ]
    assert back.best is None


@pytest.mark.parametrize("types", ["f4", "f8", "i4", "u1", "?", "f2"])
def test_a_state_comes_back_as_it_was_whatever_its_types_and_orders(
    states: TrainingStateStore, types: str
) -> None:
    arrays = [
        np.arange(6).reshape(2, 3).astype(types),
        np.asfortranarray(np.arange(6).reshape(3, 2).astype(types)),
        np.array(1, types),
        np.empty((0, 4), types),
    ]
    states.write(0, TrainingState(1, (arrays,), 1, arrays[:2]))
    back = states.read(0)
    assert back is not None
    assert back.best is not None
    for one, two in zip([*back.models[0], *back.best], [*arrays, *arrays[:2]], strict=True):
        assert (one.dtype, one.shape) == (two.dtype, two.shape)
        np.testing.assert_array_equal(one, two)


def test_small_floats_of_a_state_come_back_with_their_values(states: TrainingStateStore) -> None:
    small = np.array([0.5, 1.25], keras.ops.convert_to_numpy(keras.ops.ones(1, "bfloat16")).dtype)
    assert small.dtype.kind == "V"
    states.write(0, TrainingState(1, ([small],), 1, [small]))
    back = states.read(0)
    assert back is not None
    assert back.best is not None
    assert [back.models[0][0].tolist(), back.best[0].tolist()] == [[0.5, 1.25]] * 2


def test_an_archive_that_grows_when_it_is_read_is_refused(states: TrainingStateStore) -> None:
    members = state_of(b'[[["<f4", [10000000]]], []]', b"\0" * 40_000_000)
    archive_of(states.folder / "trial_000000.npz", members, zipfile.ZIP_DEFLATED)
    assert states.read(0) is None


@pytest.fixture
def kept(checkpoints: CheckpointStore) -> tuple[CheckpointStore, Trial, Path]:
    model = trained()
    names = [checkpoints.save(model, model.get_weights(), n, -float(n)) for n in range(2)]
    return checkpoints, Trial(0, {}, "t", checkpoint=names[0]), checkpoints.folder / names[0]


def flipped(content: bytes) -> bytes:
    """Returns the content with one bit of the weights flipped."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"\0" + whole[1:],
        lambda whole: whole + b"\0" * 10_000_000,
        flipped,
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(kept: Any, damage: Any) -> None:
    store, trial, file = kept
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(SearchError, match=r"Expected the weights of trial 0 .* damaged"):
        load_checkpoint(store.folder, small_model(), trial)


def test_the_checkpoint_of_another_trial_is_not_taken_for_this_ones(kept: Any) -> None:
    store, trial, file = kept
    file.write_bytes((store.folder / "trial_000001.weights.h5").read_bytes())
    with pytest.raises(SearchError, match="it is of trial 1"):
        load_checkpoint(store.folder, small_model(), trial)


def test_the_checkpoint_of_another_architecture_is_one_sentence(kept: Any) -> None:
    store, trial, _ = kept
    with pytest.raises(SearchError, match="another model's"):
        load_checkpoint(store.folder, small_model(units=5), trial)


@pytest.mark.parametrize("name", ["../secret.weights.h5", "/etc/passwd", "link.weights.h5", ".."])
def test_a_checkpoint_outside_the_project_is_not_there(tmp_path: Path, name: str) -> None:
    project = tmp_path / "a" / "project"
    (project / "checkpoints").mkdir(parents=True)
    model = trained()
    model.save_weights(tmp_path / "a" / "secret.weights.h5")
    (project / "checkpoints" / "link.weights.h5").symlink_to(tmp_path / "a" / "secret.weights.h5")
    with pytest.raises(SearchError, match="are not in"):
        load_checkpoint(project / "checkpoints", small_model(), Trial(0, {}, "t", checkpoint=name))


@pytest.mark.parametrize("kind", ["external", "soft", "virtual", "large"])
def test_weights_that_lie_elsewhere_are_not_loaded(kept: Any, kind: str) -> None:
    store, trial, file = kept
    with h5py.File(file, "r+") as opened:
        group = opened["layers/dense/vars"]
        del group["0"]
        if kind == "external":
            group["0"] = h5py.ExternalLink("other.h5", "/x")
        elif kind == "soft":
            group["0"] = h5py.SoftLink("/layers/dense/vars/1")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3, 2), "f4")
            layout[:] = h5py.VirtualSource("other.h5", "x", (3, 2))
            group.create_virtual_dataset("0", layout)
        else:
            group.create_dataset("0", (10**6, 10**6), "f4", chunks=(1000, 1000))
    with pytest.raises(SearchError, match=r"link|another file|larger"):
        load_checkpoint(store.folder, small_model(), trial)


@pytest.mark.parametrize("left", [0, 4096, 8192, 32768])
def test_a_full_disk_keeps_what_was_there_and_leaves_no_half_file(
    tiny_disk: Path, left: int
) -> None:
    model = keras.Sequential([keras.Input((100,)), layers.Dense(100)])
    model.compile("adam", "mse")
    states = TrainingStateStore(tiny_disk / "states", started(1).history, Fidelity())
    states.write(0, STATE)
    store = CheckpointStore(tiny_disk / "checkpoints", History())
    store.folder.mkdir()
    room = os.statvfs(tiny_disk).f_bavail * os.statvfs(tiny_disk).f_bsize
    (tiny_disk / "ballast").write_bytes(b"x" * max(0, room - left))
    before = sorted(tiny_disk.rglob("*"))
    for write in (
        lambda: store.save(model, model.get_weights(), 0, 0.5),
        lambda: states.write(0, TrainingState(4, ([np.ones((100, 100))],))),
    ):
        with pytest.raises(OSError, match="No space left") as seen:
            write()
        assert seen.value.errno == errno.ENOSPC
    assert sorted(tiny_disk.rglob("*")) == before
    assert states.epochs_of(0) == 3


def test_files_of_a_trial_travel_to_a_worker_without_the_folder_and_back(
    states: TrainingStateStore, checkpoints: CheckpointStore, tmp_path: Path
) -> None:
    states.write(0, STATE)
    states.write(1, STATE)
    name = checkpoints.save(small_model(), small_model().get_weights(), 0, 0.5)
    parent, trial = Trial(0, {}, "test", checkpoint=name), Trial(1, {}, "test")
    files = files_for(tmp_path, trial, parent)
    assert sorted(files) == [
        "checkpoints/trial_000000.weights.h5",
        "states/trial_000000.npz",
        "states/trial_000001.npz",
    ]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file, data in files.items():
        take_file(elsewhere, file, data)
    assert files_for(elsewhere, trial, parent) == files
    take_file(elsewhere, "states/trial_000001.npz", None)
    assert "states/trial_000001.npz" not in files_for(elsewhere, trial, parent)


@pytest.mark.parametrize("name", ["journal.jsonl", "states/../journal.jsonl", "states/x", "states"])
def test_a_worker_can_not_write_another_file_of_the_project(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="is no file of a trial"):
        take_file(tmp_path, name, b"")
    assert list(tmp_path.iterdir()) == []
