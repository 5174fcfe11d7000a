"""What is typed at the command line and means the same in every command: moments, files beside names, passwords, who types."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handfast.cli.opened import complain
from handfast.moments import YEARS, moment_in
from handfast.problem import Place, Problem

if TYPE_CHECKING:
    from handfast.connectors.files.taken import Taken


def moment(text: str | None, command: str, option: str) -> datetime | None:
    """A day (its first moment, 00:00 UTC) or a moment, as UTC; exits with a Problem where it is none."""
    if text is None:
        return None
    try:
        return moment_in(text, UTC)
    except ValueError:
        what, fix = f"'{text[:60]}' is not a day or a moment", f"Write it as 2026-11-22 or 2026-11-22T09:00+00:00, {YEARS}."
        complain([Problem(Place(command, part=option), what, fix)])
        raise AssertionError("complaining ends the process") from None


#: Of the number of a version or a draft; a longer one is a slip.
_DIGITS: Final = 9


def number_in(text: str) -> int | None:
    """The number of a version or a draft; None where it is none."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def file_called(name: str) -> Path | None:
    """The file of this name; None where there is none, or it can be none: then it may be the name of something else."""
    path = Path(name)
    try:
        return path if path.is_file() else None
    except OSError:
        return None


def taken_in(path: Path) -> Taken:
    """A contract with the files of its lists; exits with a Problem where it is not text, for what could not be read would be gone."""
    from handfast.connectors.files.taken import take_in

    taken = take_in(path)
    if not taken.is_text:
        complain(taken.problems)
    return taken


def password_given() -> str:
    """The password on standard input, up to the end of the line; exits with a Problem where it is not text."""
    raw = sys.stdin.buffer.readline()
    try:
        return raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        complain([Problem(Place("password"), "what was given on standard input is not UTF-8 text", "Send it as UTF-8.")])
        raise AssertionError("complaining ends the process") from None


def whoever_types() -> str:
    """The name this computer knows the user by; a user without a name, as in some containers, is `operator`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
