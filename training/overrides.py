"""Change single options of a configuration by name: ``views.global_px=96``."""

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from dupfind.errors import TrainingError

_Options = TypeVar("_Options")


def with_overrides(options: _Options, changes: Iterable[str]) -> _Options:
    """Return ``options`` with each ``name=value`` applied; values are written as JSON.

    Raises:
        TrainingError: There is no such option, or the value is of another kind.
    """
    for change in changes:
        name, _, text = change.partition("=")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        options = _changed(options, name.split("."), value, change)
    return options


def as_changes(values: dict[str, Any]) -> list[str]:
    """Write options as ``name=value``, leaving out those that are None."""
    return [f"{name}={json.dumps(value)}" for name, value in values.items() if value is not None]


def _changed(options: Any, names: list[str], value: Any, change: str) -> Any:
    known = {field.name for field in fields(options)} if is_dataclass(options) else set()
    if names[0] not in known:
        raise TrainingError(
            f"there is no option '{change.partition('=')[0]}'; here one of {', '.join(sorted(known))}"
        )
    current = getattr(options, names[0])
    if len(names) > 1:
        return replace(options, **{names[0]: _changed(current, names[1:], value, change)})
    return replace(options, **{names[0]: _converted(current, value, change)})


def _converted(current: Any, value: Any, change: str) -> Any:
    if isinstance(current, tuple) and isinstance(value, list):
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if current is None or value is None or isinstance(value, type(current)):
        return value
    raise TrainingError(f"'{change}' needs a value like {json.dumps(current)}")
