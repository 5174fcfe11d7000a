"""What a database is asked first, plain words and numbers, finds whatever a regular expression finds after it."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.identity.traces import Named, Traces, spaced

OF = Named(
    addresses=frozenset({"Petro.Z@quarzwerk.example", "o'hara@kraus.example"}),
    phones=frozenset({"+49 555 0142-017"}),
    ids=frozenset({"usr-petra-4711", "anna"}),
    names=frozenset({"Petronella Zebrowskaja", "Zoë Müller-Ö", "Kraus, Anna Maria"}),
    parts=frozenset({"Zoë", "Anna"}),
)


def passes(traces: Traces, text: str) -> bool:
    """As `store.mentions` asks it of the text with all letters alike."""
    alike = text.lower().upper()
    words = any(all(word.lower().upper() in alike for word in one) for one in traces.needles)
    return words or any(re.search(spaced(one), alike) for one in traces.numbers)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ask PETRO.Z@QUARZWERK.example",
            "?e=petro.z%40quarzwerk.example&x=1",
            "petro.z+news@quarzwerk.example",
            "o%27hara%2Bx%40kraus.example",
        ),
        *("call 49 (555) 01.42/017", "tel:+495550142017", "%2B49-555-0142017", "usr-petra-4711", "Zebrowskaja,  Petronella"),
        *(
            "petronella\n zebrowskaja",
            f"?n={quote('Zoë Müller-Ö')}",
            f"?n={quote_plus('Müller-Ö, Zoë')}",
            "ZOË MÜLLER-Ö",
            "Kraus, Anna Maria",
        ),
    ],
)
def test_what_names_them_passes(text: str) -> None:
    for traces in (Traces(OF), Traces(OF, parts=True)):
        assert traces.text(text) != text
        assert passes(traces, text)


def test_what_names_nobody_does_not() -> None:
    for text in ("a colleague of quarzwerk.example", "Petronella alone", "call 555 0142 018", "anna"):
        assert not passes(Traces(OF), text)


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N"), max_codepoint=0x24F, exclude_characters="İ"), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(first=WORDS, last=WORDS, number=st.text("0123456789", min_size=7, max_size=12), between=st.sampled_from(["", " ", "-", ") ", " / "]))
def test_nothing_is_passed_over_that_the_expression_finds(first: str, last: str, number: str, between: str) -> None:
    of = Named(
        frozenset({f"{first}.{last}@{last}.example"}), frozenset({number}), frozenset({f"{first}-{number}"}), frozenset({f"{first} {last}"})
    )
    traces = Traces(of)
    found = re.compile(traces.pattern, re.IGNORECASE)
    texts = [
        *(f"x {first.upper()}  {last}", f"{last}, {first}", quote(f"{first} {last}"), quote_plus(f"{last}, {first}"), between.join(number)),
        *(f"{quote(first)}.{quote(last)}%40{last}.EXAMPLE", f"{first}-{number}", f"{first}.{last}+tag@{last}.example"),
    ]
    for text in texts:
        assert passes(traces, text) or not found.search(text), text
