"""Parses a report to a tree of elements with the standard library."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "input", "br"}


@dataclass
class Element:
    """One element, its attributes, its children and the text in it."""

    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of the element, spaces collapsed."""
        return " ".join(" ".join(self.pieces).split())

    def find(self, tag: str, **attributes: str) -> Iterator["Element"]:
        """Descendants with a tag and attributes; ``class_`` is one of the element's classes."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        for child in self.children:
            has = child.attributes
            if child.tag == tag and all(
                value in has.get(name, "").split() if name == "class" else has.get(name) == value
                for name, value in wanted.items()
            ):
                yield child
            yield from child.find(tag, **attributes)

    def one(self, tag: str, **attributes: str) -> "Element":
        """The first element found by `find`."""
        return next(self.find(tag, **attributes))


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        closed = self.open.pop()
        assert closed.tag == tag, f"<{closed.tag}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.pieces.append(data)


def tree(source: str) -> Element:
    """The document of a source; an element that is not closed fails."""
    parser = _Parser()
    parser.feed(source)
    assert len(parser.open) == 1, f"not closed: {[e.tag for e in parser.open[1:]]}"
    return parser.open[0]


@dataclass(frozen=True)
class Page:
    """The report's source and its tree."""

    path: Path
    source: str
    root: Element

    @classmethod
    def of(cls, path: Path) -> "Page":
        """Read a report; an element that is not closed fails."""
        source = path.read_text(encoding="utf-8")
        return cls(path, source, tree(source))
