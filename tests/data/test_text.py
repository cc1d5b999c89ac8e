from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.data.dataset import Data
from nas_nb.data.preprocessing import Vocabulary, words_of
from nas_nb.data.task import Task
from nas_nb.errors import DataError

TEXTS = ["A good film!", "a bad, bad film", "Good plot; bad ending.", "the plot"] * 5


def test_words_are_ranked_by_frequency_then_spelling() -> None:
    vocabulary = Vocabulary.learn(TEXTS, size=6, length=3)
    assert vocabulary.words == ("bad", "a", "film", "good")
    assert vocabulary.size == 6


def test_unknown_words_are_1_and_padding_is_0() -> None:
    vocabulary = Vocabulary(("bad", "film"), length=4)
    assert vocabulary.tokens(["Bad film, very bad indeed", "plot"]).tolist() == [
        [2, 3, 1, 2],
        [1, 0, 0, 0],
    ]


def test_tokens_are_those_of_keras() -> None:
    texts = [*TEXTS, "Don't STOP-me_now \t\n it's 5 o'clock", "", "Élan vital - ça va ? ÀB"]
    vocabulary = Vocabulary.learn(texts, size=50, length=7)
    layer = keras.layers.TextVectorization(
        output_sequence_length=7, vocabulary=list(vocabulary.words)
    )
    np.testing.assert_array_equal(vocabulary.tokens(texts), layer(np.array(texts)))


def test_texts_become_data_with_a_vocabulary_of_the_training_part() -> None:
    data = Data.from_texts(TEXTS, ["no", "yes"] * 10, vocabulary=8)
    assert data.task == Task.BINARY
    assert data.classes == ("no", "yes")
    assert data.x_train.dtype == np.int32
    assert isinstance(data.raw, Vocabulary)
    assert data.spec.input_shape == (data.raw.length,)
    assert data.spec.statistics is None
    assert data.x_train.max() < data.raw.size <= 8


def test_words_are_lower_case_without_punctuation() -> None:
    assert words_of("It's THE end.") == ["its", "the", "end"]


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ("one text", {}, "list of texts. Received: one str"),
        ([*TEXTS[:-1], None], {}, "Received: None .of type NoneType. at row 19"),
        (TEXTS[:-1], {}, "one row of y for each row of texts. Received: 19 rows and 20"),
        (["..."] * 20, {}, "words in the texts"),
        (TEXTS, {"vocabulary": 2}, "`vocabulary` to be a whole number, 3 or more"),
        (TEXTS, {"length": 0}, "`length` to be a whole number, 1 or more"),
    ],
)
def test_texts_that_cannot_be_used_are_refused(texts, options, message) -> None:
    with pytest.raises(DataError, match=message):
        Data.from_texts(texts, [0, 1] * 10, **options)
