"""A model as plain Keras source, without anything of this package in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def keras_source(model: keras.Model) -> str:
    """Returns source text that defines ``build_model()``; see the tests for what it promises."""
    return f"import keras\n\n\ndef build_model():\n    return keras.Model.from_config({model.get_config()!r})\n"
