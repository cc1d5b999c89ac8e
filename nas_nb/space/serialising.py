"""Parameters as JSON, for the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_nb.space.parameter import Condition, Parameter, ParameterKind


def parameter_to_json(parameter: Parameter) -> dict[str, Any]:
    """Returns the parameter as plain lists and dictionaries, without what its kind implies."""
    entry: dict[str, Any] = {"name": parameter.name, "kind": str(parameter.kind)}
    fields = ("low", "high", "step", "ordered", "default")
    entry |= {f: v for f in fields if (v := getattr(parameter, f)) is not None}
    entry |= {flag: True for flag in ("log", "reverse") if getattr(parameter, flag)}
    if parameter.choices and parameter.kind is not ParameterKind.BOOLEAN:
        entry["choices"] = list(parameter.choices)
    if parameter.conditions:
        entry["conditions"] = [
            {"parent": condition.parent, "values": list(condition.values)}
            for condition in parameter.conditions
        ]
    return entry


def parameter_from_json(entry: Mapping[str, Any]) -> Parameter:
    """Returns the parameter that `parameter_to_json` wrote."""
    fields = {**entry, "kind": ParameterKind(entry["kind"])}
    fields["choices"] = tuple(entry.get("choices", ()))
    fields["conditions"] = tuple(
        Condition(c["parent"], tuple(c["values"])) for c in entry.get("conditions", ())
    )
    return Parameter(**fields)
