"""What the spaces for images ask of their data and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nas_nb.errors import SpaceError

if TYPE_CHECKING:
    from nas_nb.data import DataSpec


def needs_images(spec: DataSpec | None, what: str) -> DataSpec:
    """Returns the spec, if it is one of images.

    Args:
        spec: What the data is, or None for a space that was not given any.
        what: What the space consists of, for the message: ``"cells"``.

    Raises:
        SpaceError: There is no data, or its samples aren't ``(height, width, channels)``.
    """
    if spec is None:
        raise SpaceError(
            "Expected a space that knows the data's shape to build a model, got one without "
            "data: take space.for_data(data.spec), or pass the data to the search."
        )
    if len(spec.input_shape) != 3:
        raise SpaceError(
            f"Expected samples of shape (height, width, channels) for a space of {what}, got "
            f"samples of shape {spec.input_shape}: reshape the data, or take another space."
        )
    return spec


def whole(name: str, value: object, low: int = 1, high: int | None = None) -> int:
    """Returns `value`, if it is a whole number from `low` to `high`.

    Raises:
        SpaceError: It isn't.
    """
    legal = isinstance(value, int) and not isinstance(value, bool) and value >= low
    if legal and (high is None or cast(int, value) <= high):
        return cast(int, value)
    wanted = f"of {low} or more" if high is None else f"from {low} to {high}"
    raise SpaceError(f"Expected `{name}` to be a whole number {wanted}, got {value!r}.")
