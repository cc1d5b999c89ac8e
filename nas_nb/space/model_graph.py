"""A Keras model as a graph to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.space.graph import Edge, Graph, Node, chain

if TYPE_CHECKING:
    import keras

_SIZES = ("units", "filters", "output_dim", "rate")


def model_graph(model: keras.Model) -> Graph:
    """Returns a box for each layer of a Sequential or Functional model, and how they are wired.

    A model of another class is a row of its layers, in the order of their making.
    """
    config = model.get_config()
    layers = config.get("layers", ()) if isinstance(config, Mapping) else ()
    if not layers or "input_layers" not in config:
        labels = [layer_label(layer) for layer in layers or _own(model)]
        return chain((*([] if labels[0].startswith("input") else ["input"]), *labels))
    ends = {name for name, *_ in _references(config["output_layers"])}
    nodes = tuple(Node(layer["name"], layer_label(layer), _kind(layer, ends)) for layer in layers)
    links = dict.fromkeys(
        Edge(source, layer["name"])
        for layer in layers
        for source in _sources(layer["inbound_nodes"])
    )
    return Graph(nodes, tuple(links))


def layer_label(layer: Mapping[str, Any]) -> str:
    """Returns what the box of a layer says: its class, its size, and its activation if any."""
    config = layer["config"]
    if layer["class_name"] == "InputLayer" and "batch_shape" in config:
        return f"input {tuple(config['batch_shape'][1:])}"
    words = [layer["class_name"], *(str(config[name]) for name in _SIZES if name in config)]
    if kernel := config.get("kernel_size"):
        words.append("x".join(map(str, kernel)))
    activation = config.get("activation")
    if isinstance(activation, str) and activation != "linear":
        words.append(activation)
    return " ".join(words)


def _own(model: keras.Model) -> list[dict[str, Any]]:
    return [{"class_name": type(layer).__name__, "config": {}} for layer in model.layers]


def _kind(layer: Mapping[str, Any], ends: set[str]) -> str:
    if layer["class_name"] == "InputLayer":
        return "input"
    return "output" if layer["name"] in ends else "step"


def _sources(value: Any) -> Iterator[str]:
    """Yields the names of the layers whose outputs a serialised call takes."""
    if isinstance(value, Mapping):
        history = value.get("config", {}) if value.get("class_name") == "__keras_tensor__" else {}
        if "keras_history" in history:
            yield history["keras_history"][0]
        else:
            for item in value.values():
                yield from _sources(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _sources(item)


def _references(value: Any) -> Iterator[tuple[str, int, int]]:
    if isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[0], str):
        yield (value[0], value[1], value[2])
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)
