from __future__ import annotations

import threading

from nas_nb.workers.control import Control, Stopwatch


def test_a_checkpoint_passes_while_nobody_steers():
    assert Control(lambda waits: None).checkpoint() is False


def test_a_stop_is_felt_at_the_next_checkpoint():
    control = Control(lambda waits: None)
    control.stop()
    assert control.checkpoint() is True
    assert control.stop_requested


def test_a_paused_worker_waits_until_it_is_resumed():
    seen: list[bool] = []
    waiting = threading.Event()

    def on_paused(waits: bool) -> None:
        seen.append(waits)
        waiting.set()

    control = Control(on_paused)
    control.pause()
    ended = threading.Event()
    worker = threading.Thread(target=lambda: (control.checkpoint(), ended.set()))
    worker.start()
    assert waiting.wait(10)
    assert not ended.is_set()
    control.resume()
    assert ended.wait(10)
    assert seen == [True, False]


def test_a_paused_worker_can_be_stopped():
    waiting, asked = threading.Event(), []
    control = Control(lambda waits: waiting.set())
    control.pause()
    worker = threading.Thread(target=lambda: asked.append(control.checkpoint()))
    worker.start()
    assert waiting.wait(10)
    control.stop()
    worker.join(10)
    assert asked == [True]


def test_time_that_is_up_ends_the_work():
    assert Control(lambda waits: None, limit_s=0.0).checkpoint() is True


def test_a_held_stopwatch_does_not_run():
    watch = Stopwatch()
    watch.hold()
    assert watch.elapsed_s == watch.elapsed_s
    watch.go()
    assert watch.elapsed_s != watch.elapsed_s
