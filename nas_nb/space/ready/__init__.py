"""Spaces that are ready for a kind of data; `nas_nb.spaces` is the way in."""
