"""What the spaces for images ask of their data."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
            f"samples of shape {spec.input_shape}: {reshaping(spec.input_shape)}, or take another "
            "space."
        )
    return spec


def reshaping(shape: tuple[int, ...]) -> str:
    """Returns what to do with samples that are no images, in words."""
    if len(shape) == 2:
        return "give grey images a channel with x[..., np.newaxis]"
    return "reshape the data"
