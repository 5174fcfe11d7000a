"""The keys a signal carries: who did it, and whose account it belongs to.

A key is text with a kind in front: `email:anna@kraus.example`, `user:42`, `visitor:8a70…`. User and anonymous ids share one
space across sources, as the tracking libraries mean them: the same user id sent by the site and by the server is one person.
A source whose ids mean something else gives them a prefix of its own (see the import mapping's `user_id`).
E-mail addresses are expected normalised.
"""

from __future__ import annotations

from handfast.facts import lane_of
from handfast.identity.normalise import business_domain, mailbox


def email_key(email: str) -> str:
    """The key of a normalised e-mail address: of the mailbox it is delivered to (see `normalise.mailbox`)."""
    return f"email:{mailbox(email)}"


def user_key(user_id: str) -> str:
    """The key of a person known by an id of the company's own systems."""
    return f"user:{user_id}"


def visitor_key(anonymous_id: str) -> str:
    """The key of somebody nobody has named yet."""
    return f"visitor:{anonymous_id}"


def keys_of(email: str | None, user_id: str | None, anonymous_id: str | None) -> tuple[str, ...]:
    """Every key a signal carries, strongest first: e-mail, then user, then visitor. Empty: the signal is nobody's."""
    found = []
    if email:
        found.append(email_key(email))
    if user_id:
        found.append(user_key(user_id))
    if anonymous_id:
        found.append(visitor_key(anonymous_id))
    return tuple(found)


def keys_before(previous_id: str | None) -> tuple[str, ...]:
    """The keys of an id the person had before: it may have been either kind."""
    return (user_key(previous_id), visitor_key(previous_id)) if previous_id else ()


def account_key(who: str, business_domain: str | None) -> str:
    """The key that decides the lane: the business domain where there is one, else the strongest key of the person."""
    return f"domain:{business_domain}" if business_domain else who


def home_of(email: str) -> int:
    """The lane of the account of whoever has this normalised address."""
    return lane_of(account_key(email_key(email), business_domain(email)))
