"""Worked examples as text: written the way people write them, and put into the text of a contract without touching the rest of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ruamel.yaml.nodes import CollectionNode, ScalarNode

from handfast.contract.lists import joined, split
from handfast.contract.terms import Example
from handfast.contract.text import Source, read_text

#: What needs no quotes: a word that YAML takes for nothing else.
_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_/-]*( [A-Za-z0-9_/-]+)*\Z")
_TAKEN: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off"})
_WIDTH: Final = 130


def lines_of(example: Example, note: str = "") -> list[str]:
    """An example as the lines of an item of a list, without indentation; `note` is a comment above its terms."""
    given = {**example.given}
    signals = given.pop("signals", ())
    lines = [f"- name: {_flow(example.name)}", *([f"  # {note}"] if note else []), "  given:"]
    lines += [f"    {name}: {_flow(value)}" for name, value in given.items()]
    if signals:
        lines += ["    signals:", *(f"      - {_flow(one)}" for one in signals)]
    return [*lines, f"  expect: {_flow(example.expect)}"]


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, str):
        return value if _PLAIN.match(value) and value.lower() not in _TAKEN else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value)


def with_example(text: str, example: Example, note: str = "") -> str:
    """The text of a contract with one more example at the end of its `examples`; everything else stays as its authors wrote it.

    Raises:
        ValueError: the text does not read, or its examples are written in brackets, where no line can be added. The message says so.
    """
    written, packed = split(text)
    source, problems = read_text(written, "draft")
    if source is None or problems or not isinstance(source.data, dict):
        raise ValueError("the text has mistakes; mend them first")
    lines = lines_of(example, note)
    there = source.data.get("examples")
    if not there:
        if "examples" in source.data:
            raise ValueError("its `examples` are empty; take the line out, then take the example in")
        added = f"{written.rstrip()}\n\nexamples:\n" + "".join(f"  {line}\n" for line in lines)
        return joined(added, packed)
    node = source.spots["examples",].node
    if not isinstance(node, CollectionNode) or node.flow_style:
        raise ValueError("its `examples` are written in brackets; write them as a list, one `-` each")
    end = written.find("\n", _end_of_last(source, len(there) - 1))
    cut = len(written) if end < 0 else end
    indent = " " * int(node.start_mark.column)
    body = "\n\n" + "\n".join(indent + line for line in lines)
    return joined(written[:cut] + body + written[cut:], packed)


def _end_of_last(source: Source, last: int) -> int:
    """Where the last value of the last example ends: comments after it may belong to what follows."""
    ends = [
        spot.node.end_mark.index
        for path, spot in source.spots.items()
        if path[:2] == ("examples", last)
        and (isinstance(spot.node, ScalarNode) or (isinstance(spot.node, CollectionNode) and spot.node.flow_style))
    ]
    return int(max(ends))


__all__ = ["lines_of", "with_example"]
