"""Structured logs on standard error, from our code and from the libraries we stand on: what happened and where, never with whom.

An exception carries values: its text those of the row it failed on, its traceback, as log libraries like to print it, every local variable.
So of an exception a log holds the types and the places, file, line and function; both are enough to mend it.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from structlog.types import EventDict, Processor


def logging_to_stderr(level: str, *, to: TextIO | None = None) -> None:
    """One JSON object a line, or plain words on a terminal. `level`: of our own loggers; libraries say warnings and worse.

    `to`: another stream than standard error.
    """
    import structlog

    stream = to if to is not None else sys.stderr
    end: Processor = structlog.dev.ConsoleRenderer() if stream.isatty() else structlog.processors.JSONRenderer()
    shape: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        only_places,
    ]
    structlog.configure(
        processors=[*shape, end],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_first_line, *shape], processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, end]
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def only_places(_: Any, __: str, event: EventDict) -> EventDict:
    """The exception of an event, as `raised`: from the outermost to its first cause, each with its type and where it came through."""
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else sys.exc_info()[1] if given else None
    raised: list[str] = []
    while error is not None and len(raised) < 10:
        frames = traceback.extract_tb(error.__traceback__)
        raised.append(f"{type(error).__name__} at " + " > ".join(f"{_short(one.filename)}:{one.lineno} {one.name}" for one in frames[-20:]))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if raised:
        event["raised"] = raised
    return event


def _short(file: str) -> str:
    """A file by its last two names: the folders above are of this machine."""
    return "/".join(file.replace("\\", "/").split("/")[-2:])


def _first_line(_: Any, __: str, event: EventDict) -> EventDict:
    """Of what a library says the first line: what follows is the exception in its own words."""
    event["event"] = str(event["event"]).partition("\n")[0]
    return event
