"""Call kernels. Every argument is checked before its pointer is passed."""

import ctypes
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from seatbelt_vae.errors import ShapeError
from seatbelt_vae.kernels.arrays import Memory, NumpyArrays, TorchTensors
from seatbelt_vae.kernels.fields import Fields
from seatbelt_vae.kernels.library import library, warn_unused

__all__ = ["Kernel"]

Bounds = tuple[int | str, int | str]
"""The smallest value, and the exclusive end of the range; a name refers to a size."""


@dataclass(eq=False)
class Kernel:
    """A compiled kernel: its passes, and the shapes and ranges of their arguments.

    Types come from the struct in the C++ file. A pass writes to its results only, which are new
    arrays; the struct declares the arguments const.

    Args:
        name: name of the C++ file.
        shapes: the sizes of arrays, such as ``{"x out": "rows 2columns 3"}``. ``2columns`` is an
            even size, ``columns`` is half of it.
        passes: the arguments and results of each pass, such as ``"x scale -> out"``.
        bounds: allowed ranges of sizes, integers and values of index arrays. A size without bounds
            is at least 1.
        arrays: the kind of arrays.
    """

    name: str
    shapes: Mapping[str, str]
    passes: Mapping[str, str]
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    arrays: NumpyArrays = field(default_factory=TorchTensors)

    def is_built(self) -> bool:
        """Whether the compiled library exists and matches the current sources."""
        return library() is not None and self._fits_library

    def __call__(self, pass_name: str, **arguments: Any) -> tuple[Any, ...]:
        """Run a pass and return its results.

        Args:
            pass_name: name of the pass.
            arguments: the arguments of the pass.

        Raises:
            ShapeError: an argument is missing or has the wrong shape, dtype, device or layout; an
                index is out of range.
            MemoryError: the kernel could not allocate memory.
        """
        signature = self._signatures[pass_name]
        if arguments.keys() != signature.arguments:
            differing = ", ".join(sorted(arguments.keys() ^ signature.arguments))
            raise ShapeError(f"{self.name} {pass_name}: missing or unknown arguments: {differing}")
        values = self._checked(arguments)
        results = {name: self._new(name, values) for name in signature.results}
        for name, result in results.items():
            values[name] = self._memory(name, result).address
        struct = self._fields.structure(**values)
        if self._functions[pass_name](ctypes.byref(struct), *self.arrays.threads()):
            raise MemoryError(f"{self.name} {pass_name}: too little memory")
        return tuple(results.values())

    def _checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Values of the fields: scalars, sizes and addresses of arrays."""
        values: dict[str, Any] = {}
        for name, value in arguments.items():
            if name not in self._sizes:
                values[name] = self._scalar(name, value)
        arrays = {name: value for name, value in arguments.items() if name in self._sizes}
        for name, array in arrays.items():
            memory = self._memory(name, array)
            self._bind(name, memory, values)
            values[name] = memory.address
        for name, (low, high) in self.bounds.items():
            if name in arrays and (extremes := self.arrays.range(arrays[name])):
                self._refuse_outside(
                    f"{name} has values", extremes, low, values.get(str(high), high)
                )
        return values

    def _scalar(self, name: str, value: Any) -> float:
        whole = self._fields.members[name].kind is ctypes.c_int64
        try:
            number = operator.index(value) if whole else float(value)
        except (TypeError, ValueError, OverflowError):
            expected = "an integer" if whole else "a number"
            raise ShapeError(f"{self.name}: {name} is {value!r}, expected {expected}") from None
        if isinstance(number, int):
            bounds = self.bounds.get(name, (-(2**63), 2**63))
            self._refuse_outside(f"{name} is", (number, number), *bounds)
        return number

    def _memory(self, name: str, array: Any) -> Memory:
        memory = self.arrays.memory(array)
        if isinstance(memory, str):
            raise ShapeError(f"{self.name}: {name} {memory}")
        return memory

    def _bind(self, name: str, block: Memory, values: dict[str, Any]) -> None:
        """Check the dtype and the shape of an array; add its new sizes to ``values``."""
        sizes, dtype = self._sizes[name], self._dtype(name, values)
        if block.dtype != dtype:
            raise ShapeError(f"{self.name}: {name} is {block.dtype}, expected {dtype}")
        fits = len(block.shape) == len(sizes)
        for (factor, size), extent in zip(sizes, block.shape, strict=False):
            if size and size not in values:
                values[size] = count = extent // factor
                bounds = self.bounds.get(size, (1, 2**62))
                self._refuse_outside(f"{size} of {name} is", (count, count), *bounds)
            fits = fits and extent == factor * values.get(size, 1)
        if not fits:
            expected = ", ".join(
                str(factor * values[size]) if size in values else f"{factor}{size}"
                for factor, size in sizes
            )
            raise ShapeError(
                f"{self.name}: {name} has shape {block.shape}, expected ({expected}) as "
                f"({self._shape_texts[name]})"
            )

    def _dtype(self, name: str, values: Mapping[str, Any]) -> str:
        dtypes = self._fields.members[name].dtypes
        return dtypes[bool(values.get("bfloat16", 0))] if len(dtypes) > 1 else dtypes[0]

    def _new(self, name: str, values: Mapping[str, Any]) -> Any:
        shape = tuple(factor * values.get(size, 1) for factor, size in self._sizes[name])
        return self.arrays.empty(shape, self._dtype(name, values))

    def _refuse_outside(
        self, subject: str, span: tuple[int, int], low: int | str, high: int | str
    ) -> None:
        if not (int(low) <= span[0] and span[1] < int(high)):
            got = f"{span[0]}" if span[0] == span[1] else f"{span[0]} … {span[1]}"
            raise ShapeError(f"{self.name}: {subject} {got}, expected {low} … {int(high) - 1}")

    @cached_property
    def _shape_texts(self) -> dict[str, str]:
        return {name: shape for names, shape in self.shapes.items() for name in names.split()}

    @cached_property
    def _sizes(self) -> dict[str, list[tuple[int, str]]]:
        """Sizes of each array as (factor, name): ``16C`` is (16, "C"), a constant is (4, "")."""
        texts = self._shape_texts.items()
        return {name: [_size(text) for text in shape.split()] for name, shape in texts}

    @cached_property
    def _signatures(self) -> dict[str, "_Signature"]:
        return {name: _Signature.of(text) for name, text in self.passes.items()}

    @cached_property
    def _fields(self) -> Fields:
        text = self._exported(f"{self.name}_fields")
        text.restype = ctypes.c_char_p
        return Fields(text().decode())

    @cached_property
    def _fits_library(self) -> bool:
        """Whether the library exports the named fields and passes."""
        named = set(self._sizes).union(*(pass_.names for pass_ in self._signatures.values()))
        try:
            missing = named - self._fields.members.keys()
            fits = not missing and len(self._functions) == len(self.passes)
        except (AttributeError, KeyError, ValueError):
            fits = False
        if not fits:
            warn_unused(f"have other fields or passes of {self.name}")
        return fits

    @cached_property
    def _functions(self) -> dict[str, Any]:
        functions = {}
        for name in self.passes:
            function = functions[name] = self._exported(f"{self.name}_{name}")
            function.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
        return functions

    def _exported(self, symbol: str) -> Any:
        compiled = library()
        assert compiled is not None
        return getattr(compiled, symbol)


@dataclass(frozen=True)
class _Signature:
    """Names of the arguments and the results of a pass."""

    arguments: frozenset[str]
    results: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        return {*self.arguments, *self.results}

    @classmethod
    def of(cls, text: str) -> "_Signature":
        arguments, results = text.split("->")
        return cls(frozenset(arguments.split()), tuple(results.split()))


def _size(text: str) -> tuple[int, str]:
    name = text.lstrip("0123456789")
    return int(text.removesuffix(name) or 1), name
