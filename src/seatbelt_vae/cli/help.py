"""Help texts: defaults of None, False and () are described in words and not printed."""

import dataclasses
from typing import Annotated, Any

import tyro
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructTypeInfo

from seatbelt_vae.config import ReadingConfig

__all__ = ["defaults_in_words"]

_DESCRIBED = ("None", "False", "")

_PLACES = {field.name: 1 for field in dataclasses.fields(ReadingConfig)} | {
    "adapter": 2,
    "output": 3,
}
"""Flags behind those that a command is for: how images and a model are read, and the output."""


def defaults_in_words() -> ConstructorRegistry:
    """The rules of tyro for dataclasses, with `_hint` appended to the description of each flag."""
    registry = ConstructorRegistry()
    active: list[Any] = []  # types in progress, for which `rule` defers to the default rule

    @registry.struct_rule
    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        if not dataclasses.is_dataclass(info.type) or info.type in active:
            return None
        active.append(info.type)
        spec = ConstructorRegistry.get_struct_spec(info)
        active.pop()
        if not isinstance(spec, StructConstructorSpec):
            return None
        fields = sorted(spec.fields, key=lambda field: _PLACES.get(field.name, 0))
        return dataclasses.replace(spec, fields=tuple(map(_with_hint, fields)))

    return registry


def _with_hint(field: Any) -> Any:
    hinted = Annotated[field.type, tyro.conf.arg(help_behavior_hint=_hint)]
    return dataclasses.replace(field, type=hinted)


def _hint(default: str) -> str:
    return "" if default in _DESCRIBED else f"(default: {default})"
