"""A YAML text as plain values, every one of which knows where it stands.

Only what a contract needs of YAML is taken: mappings with texts for keys, lists, texts, numbers, true, false and null. A text is read as
YAML 1.2 reads it: `on`, `no` and `12:30` are texts. Whatever is hostile or merely odd (tags, deep nesting, aliases that multiply) is a
Problem in bounded time.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from handfast.contract.lists import LONGEST_PACKED, split
from handfast.contract.place import KEY, Path
from handfast.problem import Place, Problem

#: A contract is at most this long, in characters; the longest we know has a fifth of it.
LONGEST: Final = 100_000
#: How deep lists and mappings may nest.
DEEPEST: Final = 50
#: How many values there may be, aliases counted as often as they are used; so are the characters of aliases, which `LONGEST` bounds.
MOST: Final = 50_000

_INT: Final = re.compile(r"[+-]?[0-9]{1,18}\Z")
_FLOAT: Final = re.compile(r"[+-]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][+-]?[0-9]{1,3})?\Z|[+-]?[0-9]+[eE][+-]?[0-9]{1,3}\Z")
_CONSTANTS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp"))


@dataclass(frozen=True, slots=True)
class Spot:
    """A value in the text: its node, and the node of its key where it has one."""

    node: Node
    key: Node | None = None


@dataclass(slots=True)
class Source:
    """A text taken apart: its plain `data`, and the `spots` of everything in it."""

    text: str
    file: str
    data: Any = None
    spots: dict[Path, Spot] = field(default_factory=dict)
    _starts: list[int] = field(default_factory=list)
    _aligned: dict[Node, array[int]] = field(default_factory=dict)

    def place(self, path: Path, offset: int | None = None) -> Place:
        """Where a term stands: a single value itself, a list or a mapping at its key. What is not there is placed at what would hold it.

        `offset` is a character of a text value (from 0). A path that ends with `KEY` means the key, not the value.
        """
        wants_key = path[-1:] == (KEY,)
        path = path[:-1] if wants_key else path
        while path not in self.spots and path:
            path, wants_key = path[:-1], True
        spot = self.spots.get(path)
        if spot is None:
            return Place(self.file, 1, 1)
        is_written = spot.node.end_mark.index > spot.node.start_mark.index
        if isinstance(spot.node, ScalarNode) and is_written and not wants_key:
            return self.at(self.index_of(spot.node, offset or 0))
        return self.at((spot.key or spot.node).start_mark.index)

    def at(self, index: int) -> Place:
        """The place of a character of the text. Columns count characters."""
        if not self._starts:
            self._starts = [0, *(match.end() for match in re.finditer(r"\r\n|[\n\r\x85\u2028\u2029]", self.text))]
        line = bisect_right(self._starts, index)
        return Place(self.file, line, index - self._starts[line - 1] + 1)

    def index_of(self, node: ScalarNode, offset: int) -> int:
        """Where in the text the `offset`-th character of a scalar's value stands, however the value is quoted, folded or indented.

        A scalar is aligned with its value once: many things may be wrong in a long one, and each asks for its own place.
        """
        raw = self.text[node.start_mark.index : node.end_mark.index]
        start, content = int(node.start_mark.index), _content(node, raw)
        if not node.value:
            return start + content
        if not offset:
            return start + next(_aligned(raw, content, node.value, node.style))
        if node not in self._aligned:
            self._aligned[node] = array("l", _aligned(raw, content, node.value, node.style))
        spots = self._aligned[node]
        return start + (spots[offset] if offset < len(spots) else max(content, len(raw) - 1))


_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)+")
_BLOCK_HEADER: Final = re.compile(r"[^\n\r]*[\n\r]+[ \t\n\r]*")
_BLANKS: Final = re.compile(r"[ \t\n\r]+")


def _content(node: ScalarNode, raw: str) -> int:
    """Where a scalar's content begins: past an anchor, the opening quote, or the header line and indentation of a block."""
    start = 0
    if (properties := _PROPERTIES.match(raw)) is not None:
        start = properties.end()
    if node.style in ("|", ">"):
        header = _BLOCK_HEADER.match(raw, start)
        return header.end() if header else start
    return start + (1 if node.style in ("'", '"') else 0)


def _aligned(raw: str, start: int, value: str, style: str | None) -> Iterator[int]:
    """For each character of a scalar's value, where it stands in its raw text.

    The raw text has what the value has not: escapes, doubled quotes, indentation. Blanks and line ends of the value may stand for each
    other. Both texts are walked once.
    """
    spot, blanks = start, _Blanks(raw)
    for sign in value:
        while spot < len(raw):
            here = raw[spot]
            if style == '"' and here == "\\":
                if raw[spot + 1 : spot + 2] in ("\n", "\r"):
                    spot += 2
                    continue
                yield spot
                spot += _ESCAPED.get(raw[spot + 1 : spot + 2], 2)
                break
            if here == sign or (sign in " \n" and here in " \t\n\r"):
                yield spot
                spot = blanks.past(spot) if here != sign else spot + (2 if style == here == "'" else 1)
                break
            spot += 1
        else:
            yield max(len(raw) - 1, 0)


class _Blanks:
    """The blanks around the end of a folded line. Asked from left to right, each run of them is looked at once."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.end = 0
        self.line_end = -1

    def past(self, spot: int) -> int:
        """What to look at after the blank at `spot`: what follows all of them where a line ends here, else the next character."""
        if spot >= self.end and (run := _BLANKS.match(self.raw, spot)) is not None:
            self.end = run.end()
            self.line_end = max(self.raw.rfind("\n", spot, self.end), self.raw.rfind("\r", spot, self.end))
        return self.end if spot <= self.line_end else spot + 1


#: How long an escape is that names a character by its number: a backslash, a letter, and so many digits.
_ESCAPED: Final = {"x": 4, "u": 6, "U": 10}


def read_text(text: str | bytes, file: str) -> tuple[Source | None, list[Problem]]:
    """The values of a YAML text. Without a Source nothing could be read at all. Raises nothing, whatever the text."""
    if isinstance(text, bytes):
        decoded = _decoded(text, file)
        if isinstance(decoded, Problem):
            return None, [decoded]
        text = decoded
    source = Source(text.removeprefix("\ufeff"), file)
    written, packed = split(source.text)
    if (problem := _unreadable(source, written)) is not None:
        return None, [problem]
    try:
        node = _composed(written)
    except (YAMLError, RecursionError, ValueError, LookupError) as error:
        return None, [_syntax(error, source)]
    if node is None:
        return None, [Problem(Place(file, 1, 1), "the file is empty", "Start from one of the contracts in examples/.")]
    walk = _Walk(source)
    source.data = walk.value(node, (), 0)
    if packed and isinstance(source.data, dict):
        source.data["entries"] = packed
    return source, walk.problems


@lru_cache(maxsize=16)
def _composed(written: str) -> Node | None:
    """The tree of a text, which nobody changes. Parsing is most of the work of reading, and the same text is read again and again: by the
    page that checks, shows and compares it, under another name, and when it is put in force."""
    root = YAML(typ="safe", pure=True)
    root.composer.warn_double_anchors = False
    node: Node | None = root.compose(written)
    return node


def _decoded(data: bytes, file: str) -> str | Problem:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        fix = "Save the file as UTF-8; most editors ask for the encoding when saving."
        return Problem(Place(file, line), "this is not UTF-8 text", fix)


def _unreadable(source: Source, written: str) -> Problem | None:
    """What would be too long, or nested too deeply, is not even given to the parser: its time grows with the depth."""
    if len(written) > LONGEST:
        what = f"the contract has {len(written):,} characters; {LONGEST:,} is the most"
        return Problem(source.at(LONGEST), what, "Leave out what nobody decides by.")
    if len(source.text) - len(written) > LONGEST_PACKED + 1000:
        return Problem(Place(source.file), "the entries of its lists are too many to carry", "Keep fewer entries in the files of `lists`.")
    depth = 0
    for match in re.finditer(r"[\[\]{}]", written):
        depth = depth + 1 if match[0] in "[{" else max(depth - 1, 0)
        if depth > DEEPEST:
            return Problem(source.at(match.start()), f"brackets nest deeper than {DEEPEST} here", "Close them, or write less deeply.")
    return None


_SAID: Final = (
    ("\\t", "a tab stands where the line is indented", "Indent with spaces: YAML does not allow tabs."),
    ("mapping values are not allowed", "a ': ' stands inside a value", "Put the whole value in quotes, or check how the line is indented."),
    ("could not find expected ':'", "a key without ': '", "Write `key: value`; a text over several lines needs quotes or a '>'."),
    ("while scanning a quoted scalar", "a quote is opened and never closed", "Close it on the same line."),
    ("expected ',' or ']'", "a list in brackets is not closed, or a comma is missing", "Write it as [a, b]."),
    ("expected ',' or '}'", "a mapping in braces is not closed, or a comma is missing", "Write it as {a: 1, b: 2}."),
    ("undefined alias", "an alias (*) without its anchor (&)", "Put a text that begins with * in quotes."),
    ("cannot start any token", "a value begins with a sign that YAML keeps for itself", "Put the value in quotes."),
    ("expected a single document", "a second document begins here", "A file holds one contract: take the '---' out."),
    (
        "expected <block end>",
        "the indentation does not fit the lines above",
        "Indent all keys of one mapping, and all '-' of one list, alike.",
    ),
    ("duplicate anchor", "an anchor is defined twice", "Give each anchor a name of its own."),
)


def _syntax(error: Exception, source: Source) -> Problem:
    """The parser's complaint in words for people who write contracts, not parsers."""
    if isinstance(error, RecursionError):
        return Problem(Place(source.file), f"lists and mappings nest deeper than {DEEPEST}", "Write less deeply.")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = getattr(error, "position", None)
    place = Place(source.file, mark.line + 1, mark.column + 1) if mark is not None else source.at(position or 0)
    if not isinstance(error, MarkedYAMLError):
        return Problem(place, "a character that text cannot have", "Take it out, or save the file as UTF-8 once more.")
    said = f"{error.context or ''} {error.problem or ''}"
    for sign, what, fix in _SAID:
        if sign in said:
            return Problem(place, what, fix)
    return Problem(place, f"this is not YAML ({said.strip()})", "Check colons, quotes and indentation around this line.")


_HALF: Final = re.compile("[\ud800-\udfff]")


class _Walk:
    """One pass over the nodes of a text: plain values, the spot of each, and what is wrong on the way."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.full = False
        self.visited = 0
        self.written = 0

    def wrong(self, node: Node, what: str, fix: str) -> None:
        self.problems.append(Problem(self.source.at(node.start_mark.index), what, fix))

    def value(self, node: Node, path: Path, depth: int, key: Node | None = None) -> Any:
        self.visited += 1
        self.written += len(node.value) if isinstance(node, ScalarNode) else 0
        if self.visited > MOST or depth > DEEPEST or self.written > LONGEST:
            if not self.full:
                self.full = True
                most = f"more than {MOST:,} values, or {LONGEST:,} characters in them, or deeper than {DEEPEST}"
                self.wrong(node, f"too much is written here: {most}", "Use fewer aliases.")
            return None
        self.source.spots[path] = Spot(node, key)
        if node.tag not in _TAGS:
            self.wrong(node, f"the tag {node.tag} means nothing here", "Leave it out.")
            return None
        if isinstance(node, MappingNode):
            return self.mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, n), depth + 1) for n, item in enumerate(node.value)]
        return _scalar(node, self.text(node)) if isinstance(node, ScalarNode) else None

    def text(self, node: ScalarNode) -> str:
        """What a scalar says. Its escapes may give a character in two halves, as JSON's do, which the parser leaves apart."""
        text: str = node.value
        if node.style != '"' or not _HALF.search(text):
            return text
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if whole.count("\ufffd") > text.count("\ufffd"):
            self.wrong(node, "an escape names half a character", "Write the character itself, or both of its halves.")
        return whole

    def mapping(self, node: Node, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.value == "<<":
                self.wrong(key, "a key is a single word", "Write `key: value`; merging with << is not possible.")
            elif (name := self.text(key)) in found:
                first = self.source.place((*path, name, KEY))
                self.wrong(key, f"'{name}' is given twice, first in line {first.line}", "Leave one of them out.")
            else:
                found[name] = self.value(value, (*path, name), depth + 1, key)
        return found


def _scalar(node: ScalarNode, text: str) -> Any:
    if node.style is not None:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text
