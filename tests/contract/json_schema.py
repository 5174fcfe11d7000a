"""The part of JSON Schema 2020-12 that the contract's schema uses: says where a value does not fit, for the tests."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, Any] = {"string": str, "object": dict, "array": list, "boolean": bool, "null": type(None)}
USED = {
    *(
        "$schema",
        "$defs",
        "$ref",
        "title",
        "description",
        "default",
        "examples",
        "type",
        "enum",
        "const",
        "pattern",
        "minLength",
        "maxLength",
    ),
    *(
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "minItems",
        "maxItems",
        "minProperties",
        "items",
        "properties",
        "patternProperties",
        "propertyNames",
    ),
    *("additionalProperties", "required", "anyOf", "oneOf"),
}


def misfits(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "$") -> list[str]:
    """Every place where a value does not fit a schema; empty where it does."""
    assert set(schema) <= USED, f"a word this validator does not know: {set(schema) - USED}"
    if "$ref" in schema:
        return misfits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, path)
    wrong = [f"{path}: {word}" for word, fits in _simple(value, schema) if not fits]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            fitting = sum(not misfits(value, option, root, path) for option in schema[word])
            if fitting == 0 or (word == "oneOf" and fitting > 1):
                wrong.append(f"{path}: {word}")
    if isinstance(value, list):
        for n, item in enumerate(value):
            wrong += misfits(item, schema.get("items", {}), root, f"{path}[{n}]")
    if isinstance(value, dict):
        wrong += _members(value, schema, root, path)
    return wrong


def _simple(value: Any, schema: dict[str, Any]) -> list[tuple[str, bool]]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    types = schema.get("type", [])
    fits = [_is(value, t) for t in ([types] if isinstance(types, str) else types)]
    return [
        ("type", not fits or any(fits)),
        ("enum", value in schema.get("enum", [value])),
        ("const", value == schema.get("const", value)),
        ("pattern", not isinstance(value, str) or re.search(schema.get("pattern", ""), value) is not None),
        ("minLength", not isinstance(value, str) or len(value) >= schema.get("minLength", 0)),
        ("maxLength", not isinstance(value, str) or len(value) <= schema.get("maxLength", len(value))),
        ("minimum", not is_number or value >= schema.get("minimum", value)),
        ("maximum", not is_number or value <= schema.get("maximum", value)),
        ("exclusiveMinimum", not is_number or "exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"]),
        ("minItems", not isinstance(value, list) or len(value) >= schema.get("minItems", 0)),
        ("maxItems", not isinstance(value, list) or len(value) <= schema.get("maxItems", len(value))),
        ("minProperties", not isinstance(value, dict) or len(value) >= schema.get("minProperties", 0)),
        ("required", not isinstance(value, dict) or all(name in value for name in schema.get("required", []))),
    ]


def _is(value: Any, name: str) -> bool:
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else int | float) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])


def _members(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], path: str) -> list[str]:
    wrong: list[str] = []
    for name, member in value.items():
        where = f"{path}.{name}"
        wrong += misfits(name, schema.get("propertyNames", {}), root, where)
        known = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        known += [rule for pattern, rule in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
        for rule in known:
            wrong += misfits(member, rule, root, where)
        other = schema.get("additionalProperties", True)
        if not known and other is False:
            wrong.append(f"{where}: unknown")
        elif not known and isinstance(other, dict):
            wrong += misfits(member, other, root, where)
    return wrong
