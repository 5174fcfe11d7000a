"""What forms send: words, sentences and their mending. One definition for every page, so that one limit and one mending hold for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Form, Request
from pydantic import AfterValidator

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Fields of a form that are kept through a sign-in; no form has as many.
_MOST_KEPT: Final = 60


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot keep: NUL, and halves of characters. Nobody types either on purpose."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


#: An id, an address, a day, a word of a list.
Word = Annotated[str, AfterValidator(storable), Form(max_length=320)]
#: What somebody writes: a reason, a note.
Sentence = Annotated[str, AfterValidator(storable), Form(max_length=2000)]


async def prefixed(request: Request, prefix: str) -> dict[str, str]:
    """The fields whose names begin so, by the rest of their names; files are left out."""
    form = await request.form()
    fields = ((name, value) for name, value in form.items() if name.startswith(prefix) and isinstance(value, str))
    return {storable(name.removeprefix(prefix)): storable(value) for name, value in fields}


async def typed(request: Request) -> Mapping[str, str]:
    """Everything somebody typed into a form, to be given back to them; nothing where the request has no form."""
    if not request.headers.get("content-type", "").startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        return {}
    return dict(list((await prefixed(request, "")).items())[:_MOST_KEPT])
