"""Help texts: a default of None, False or () is described in words and not printed again."""

import dataclasses
from typing import Annotated, Any

import tyro
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructTypeInfo

__all__ = ["defaults_in_words"]

_DESCRIBED = ("None", "False", "")


def defaults_in_words() -> ConstructorRegistry:
    """Tyro's rules for dataclasses, with `_hint` behind the description of each flag."""
    registry = ConstructorRegistry()
    asked: list[Any] = []  # tyro's own rule for a type is found by asking again for that type

    @registry.struct_rule
    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        if not dataclasses.is_dataclass(info.type) or info.type in asked:
            return None
        asked.append(info.type)
        spec = ConstructorRegistry.get_struct_spec(info)
        asked.pop()
        if not isinstance(spec, StructConstructorSpec):
            return None
        return dataclasses.replace(spec, fields=tuple(map(_with_hint, spec.fields)))

    return registry


def _with_hint(field: Any) -> Any:
    hinted = Annotated[field.type, tyro.conf.arg(help_behavior_hint=_hint)]
    return dataclasses.replace(field, type=hinted)


def _hint(default: str) -> str:
    return "" if default in _DESCRIBED else f"(default: {default})"
