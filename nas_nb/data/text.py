"""Texts as numbers: a vocabulary learned from training texts, and token ids in its order."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.task import Array

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2
"""Token ids: of what is not there, of words outside the vocabulary, of its first word."""

_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())


@dataclass(frozen=True)
class Vocabulary:
    """How texts become token ids: exactly what Keras's ``TextVectorization`` would return.

    Candidates train on token ids, because no compiled training takes strings. What a model needs
    to take raw text is all here, and `nas_nb.spaces.with_raw_input` puts it in front of a model.

    Attributes:
        words: The known words, the most frequent first; the first one has token id 2.
        length: Tokens a text: longer ones are cut at the end, shorter ones padded there with 0.
    """

    words: tuple[str, ...]
    length: int

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int, length: int) -> Vocabulary:
        """Returns the vocabulary of the most frequent words.

        Args:
            texts: The training texts.
            size: How many token ids there may be, padding and unknown among them: 3 or more.
            length: Tokens a text, 1 or more.

        Raises:
            DataError: The sizes can't be, or no text holds a word.
        """
        if size < FIRST_WORD + 1 or length < 1:
            raise DataError(
                f"Expected a vocabulary of at least {FIRST_WORD + 1} token ids and texts of at "
                f"least 1 token. Received: vocabulary={size}, length={length}."
            )
        counts = Counter(word for text in texts for word in words_of(text))
        if not counts:
            raise DataError("Expected words in the texts. Received: texts without any.")
        # Equally frequent words in the order of their spelling: the same in every process.
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(tuple(ranked[: size - FIRST_WORD]), length)

    @property
    def size(self) -> int:
        """How many token ids there are, padding and unknown among them."""
        return len(self.words) + FIRST_WORD

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=FIRST_WORD)}

    def tokens(self, texts: Iterable[str]) -> Array:
        """Returns token ids of shape (texts, length), int32."""
        ids, rows = self._ids, list(texts)
        tokens = np.full((len(rows), self.length), PADDING, np.int32)
        for row, text in zip(tokens, rows, strict=True):
            found = [ids.get(word, UNKNOWN) for word in words_of(text)[: self.length]]
            row[: len(found)] = found
        return tokens


def words_of(text: str) -> list[str]:
    """Splits a text into words: ASCII letters in lower case, ASCII punctuation removed."""
    plain = text.encode(errors="replace").translate(_LOWER, string.punctuation.encode())
    return [word.decode() for word in plain.split()]


def usual_length(texts: Iterable[str], share: float = 0.95, most: int = 200) -> int:
    """Returns a length that leaves a share of the texts whole, and is `most` at the most."""
    lengths = [len(words_of(text)) for text in texts]
    return min(most, max(1, int(np.quantile(lengths, share))))


def check_texts(given: Iterable[object]) -> list[str]:
    """Returns a list of texts.

    Raises:
        DataError: There is something else among them.
    """
    if isinstance(given, str):
        raise DataError("Expected a list of texts. Received: one str; put it in a list.")
    texts = list(given)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"Expected texts. Received: {text!r} (of type {type(text).__name__}) at row "
                f"{number}. Fill in or drop what is missing."
            )
    return [str(text) for text in texts]
