"""Reference of ``audit.json``, from its JSON Schema."""

from collections.abc import Mapping
from typing import Any

from docs.site.markdown import escaped, table

from seatbelt_vae.runs.audit_document import audit_schema

__all__ = ["sections"]


def sections() -> str:
    """The keys of the document, then those of each object in it."""
    schema = audit_schema()
    parts = [_keys(schema)]
    for name, entry in schema["$defs"].items():
        if "properties" in entry:
            about = escaped(entry.get("description", ""))
            parts.append(f"## {name}\n\n{about + '.' if about else ''}\n\n{_keys(entry)}")
    return "\n".join(parts)


def _keys(entry: Mapping[str, Any]) -> str:
    rows = [
        (f"`{key}`", _type(value), escaped(_description(value)))
        for key, value in entry["properties"].items()
    ]
    return table(("key", "type", "meaning"), rows)


def _description(value: Mapping[str, Any]) -> str:
    """The description of a key, or that of the object that it refers to."""
    options = [value, value.get("items", {}), *value.get("anyOf", ())]
    references = [o["$ref"].rpartition("/")[2] for o in options if "$ref" in o]
    found = [value, *(audit_schema()["$defs"][name] for name in references)]
    return next((each["description"] for each in found if "description" in each), "")


def _type(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.replace('_', '-')})" if _is_object(name) else name
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(map(_type, value["anyOf"])))
    names = value.get("type", "any")
    text = names if isinstance(names, str) else " or ".join(names)
    if "array" in text and "items" in value:
        return f"{text} of {_type(value['items'])}"
    return text


def _is_object(name: str) -> bool:
    return "properties" in audit_schema()["$defs"][name]
