"""Signing in: accounts, passwords, sessions.

A password is kept as scrypt text with its own parameters and salt, so the parameters can be raised without asking anybody again.
A session is a random 256-bit token in a cookie; the database knows only its SHA-256. It ends after 12 hours without a request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from unicodedata import category

from handfast.desk.refused import Refused
from handfast.facts import stable_id
from handfast.problem import Place, Problem, one_of
from handfast.store import logins
from handfast.store.logins import ROLES, Login, Role

if TYPE_CHECKING:
    from handfast.store.base import Store

IDLE: Final = timedelta(hours=12)
#: How often a session's last use is written down: once a minute is exact enough for twelve hours.
SEEN_EVERY: Final = timedelta(minutes=1)
WINDOW: Final = timedelta(minutes=1)
ATTEMPTS: Final = 5
MIN_PASSWORD: Final = 10
_MOST_PASSWORD: Final = 1024

# 32 MiB and about a tenth of a second a try.
_N, _R, _P, _LENGTH = 2**15, 8, 1, 32
_MEMORY: Final = 96 * 1024 * 1024
_EMAIL: Final = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


def hash_password(password: str) -> str:
    """`scrypt$N$r$p$salt$key`, salt and key in base 64."""
    salt = secrets.token_bytes(16)
    key = hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY, dklen=_LENGTH)
    return f"scrypt${_N}${_R}${_P}${b64encode(salt).decode()}${b64encode(key).decode()}"


def password_fits(password: str, stored: str) -> bool:
    """Whether this is the password, by the parameters it was stored with."""
    _, n, r, p, salt, key = stored.split("$")
    wanted = b64decode(key)
    given = hashlib.scrypt(password.encode(), salt=b64decode(salt), n=int(n), r=int(r), p=int(p), maxmem=_MEMORY, dklen=len(wanted))
    return hmac.compare_digest(given, wanted)


#: Compared with when no account has the e-mail, so that the answer takes as long as for one that has.
_NOBODY: Final = f"scrypt${_N}${_R}${_P}${b64encode(bytes(16)).decode()}${b64encode(bytes(_LENGTH)).decode()}"


@dataclass(frozen=True, slots=True)
class Session:
    """A session just opened: the token goes into the cookie and nowhere else."""

    token: str
    login: Login


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def sign_in(store: Store, email: str, password: str, address: str, at: datetime, *, old_token: str | None = None) -> Session:
    """Open a session for this e-mail and password; the one that came with the request ends.

    Raises:
        Refused: too many attempts from this address for this e-mail, or e-mail and password do not belong together
            (one answer for both an unknown e-mail and a wrong password).
    """
    login = authenticate(store, email, password, address, at)
    token = secrets.token_urlsafe(32)
    with store.writing() as conn:
        if old_token:
            logins.close_session(conn, digest(old_token))
        logins.drop_idle_sessions(conn, at - IDLE)
        logins.open_session(conn, digest(token), login.id, at)
    return Session(token, login)


def authenticate(store: Store, email: str, password: str, address: str, at: datetime) -> Login:
    """Whose e-mail and password these are; opens no session. For what is signed at the command line or asked for by a script.

    Raises:
        Refused: as `sign_in`.
    """
    email = email.strip().lower()
    who = hashlib.sha256(f"{email}\x1f{address}".encode()).hexdigest()[:32]
    with store.writing() as conn:
        if logins.count_attempt(conn, who, at, at - WINDOW) > ATTEMPTS:
            raise Refused(_problem("password", "too many attempts in one minute", "Wait a minute, then try again."))
        login = logins.by_email(conn, email)
    fits = password_fits(password[:_MOST_PASSWORD], login.password if login else _NOBODY)
    if login is None or not fits:
        raise Refused(
            _problem("password", "this e-mail and password do not belong together", "Check both, or ask RevOps for a new password.")
        )
    with store.writing() as conn:
        logins.forget_attempts(conn, who)
    return login


def session_of(store: Store, token: str, at: datetime) -> Login | None:
    """Who this cookie belongs to, or None; writes down that it was seen, at most once a minute."""
    with store.reading() as conn:
        found = logins.session_login(conn, digest(token), at - IDLE)
    if found is None:
        return None
    login, seen_at = found
    if at - seen_at > SEEN_EVERY:
        with store.writing() as conn:
            logins.see_session(conn, digest(token), at)
    return login


def peek(store: Store, token: str, at: datetime) -> bool:
    """Whether this session still holds, without counting as a use of it."""
    with store.reading() as conn:
        return logins.session_login(conn, digest(token), at - IDLE) is not None


def sign_out(store: Store, token: str) -> None:
    with store.writing() as conn:
        logins.close_session(conn, digest(token))


def add_login(store: Store, email: str, password: str, role: str, at: datetime, *, rep_id: str | None = None, name: str = "") -> Login:
    """Create a local account.

    Raises:
        Refused: the e-mail, password or role will not do, the rep is unknown, or the e-mail has an account already.
    """
    email = email.strip().lower()
    with store.writing() as conn:
        known = logins.rep_exists(conn, rep_id) if rep_id is not None else True
        if (problem := _wrong(email, password, role, rep_id, logins.rep_ids(conn) if not known else None)) is not None:
            raise Refused(problem)
        kind: Role = next(r for r in ROLES if r == role)
        login = Login(
            stable_id("log", email, at.isoformat()), email, name or email.partition("@")[0], kind, rep_id, None, hash_password(password), at
        )
        if not logins.insert(conn, login):
            raise Refused(_taken(email))
    return login


_BRING: Final = "Bring the reps in first: `handfast import reps.csv --as reps`."


def may_add(store: Store, email: str, role: str, rep_id: str | None = None) -> None:
    """Whether an account can be made so, before anybody thinks of a password. Raises Refused as `add_login`."""
    email = email.strip().lower()
    with store.reading() as conn:
        known = logins.rep_exists(conn, rep_id) if rep_id is not None else True
        problem = _wrong_account(email, role, rep_id, logins.rep_ids(conn) if not known else None)
        if problem is None and logins.by_email(conn, email) is not None:
            problem = _taken(email)
    if problem is not None:
        raise Refused(problem)


def _taken(email: str) -> Problem:
    return _problem("EMAIL", f"{email} has an account already", "Remove it first with `handfast login remove`.")


def _wrong_account(email: str, role: str, rep_id: str | None, other_reps: list[str] | None) -> Problem | None:
    if not _EMAIL.match(email):
        return _problem("EMAIL", f"'{email}' is not an e-mail address", "Write it as name@company.example.")
    if role not in ROLES:
        return _problem("--role", f"'{role}' is no role", one_of(ROLES, word=role))
    if role == "rep" and not rep_id:
        return _problem("--rep", "an account with role rep needs the rep whose queue it opens", "Add --rep ID.")
    if other_reps is not None:
        return _problem("--rep", f"no rep has the id '{rep_id}'", one_of(other_reps, word=rep_id or "") if other_reps else _BRING)
    return None


def _wrong(email: str, password: str, role: str, rep_id: str | None, other_reps: list[str] | None) -> Problem | None:
    if (problem := _wrong_account(email, role, rep_id, other_reps)) is not None:
        return problem
    if not MIN_PASSWORD <= len(password) <= _MOST_PASSWORD:
        return _problem(
            "password",
            f"a password has {MIN_PASSWORD} to {_MOST_PASSWORD} characters",
            "Choose a longer one; a sentence is easy to remember.",
        )
    if any(category(c) in ("Cc", "Cs") for c in password):
        return _problem("password", "it holds a character that nobody can type", "Choose one of letters, digits, signs and blanks.")
    return None


def remove_login(store: Store, email: str) -> None:
    """Remove an account and end its sessions.

    Raises:
        Refused: nobody has this e-mail.
    """
    with store.writing() as conn:
        known = [login.email for login in logins.all_logins(conn)]
        if not logins.delete(conn, email.strip().lower()):
            raise Refused(_problem("EMAIL", f"no account has the e-mail {email}", one_of(known, word=email)))


def list_logins(store: Store) -> list[Login]:
    with store.reading() as conn:
        return logins.all_logins(conn)


def _problem(part: str, what: str, fix: str) -> Problem:
    return Problem(Place("sign in", part=part), what, fix)
