"""The ctypes structure of a kernel, built from the C++ declaration in the library."""

import ctypes
import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Field", "Fields"]

_SCALARS = {
    "int64_t": ctypes.c_int64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
}
_DTYPES = {
    "void": ("float32", "bfloat16"),  # selected by the field `bfloat16`
    "float": ("float32",),
    "double": ("float64",),
    "int32_t": ("int32",),
    "int64_t": ("int64",),
    "uint8_t": ("uint8",),
    "bool": ("bool",),
}
_DECLARATION = re.compile(r"(const )?(\w+) (.+)")


@dataclass(frozen=True)
class Field:
    """A member of the struct.

    Args:
        kind: the ctypes type.
        dtypes: possible dtypes of the array of a pointer; empty for a scalar.
        writable: whether the member is a pointer without const: a result.
    """

    kind: type
    dtypes: tuple[str, ...]
    writable: bool


@dataclass(frozen=True)
class Fields:
    """The struct of a declaration such as ``int64_t rows; const float *x, *scale;``.

    Example:
        >>> Fields("int64_t rows; const float *x; float slope;").members["x"].dtypes
        ('float32',)
    """

    text: str

    @cached_property
    def members(self) -> dict[str, Field]:
        """The fields, in order.

        Raises:
            ValueError: a declaration cannot be parsed.
        """
        members: dict[str, Field] = {}
        for declaration in filter(None, map(str.strip, self.text.split(";"))):
            match = _DECLARATION.fullmatch(declaration)
            if match is None:
                raise ValueError(f"cannot read the field declaration {declaration!r}")
            constant, base, names = match.groups()
            for name in map(str.strip, names.split(",")):
                if name.startswith("*"):
                    field = Field(ctypes.c_void_p, _DTYPES[base], constant is None)
                else:
                    field = Field(_SCALARS[base], (), False)
                members[name.removeprefix("*")] = field
        return members

    @cached_property
    def structure(self) -> type[ctypes.Structure]:
        """The ctypes structure, with the layout of the C++ compiler."""
        members = [(name, field.kind) for name, field in self.members.items()]
        return type("Fields", (ctypes.Structure,), {"_fields_": members})
