"""The keys a signal carries: who did it, and whose account it belongs to.

A key is text with a kind in front: `email:anna@kraus.example`, `user:web:42`, `visitor:web:8a70…`. External and anonymous ids
are only unique within their source, so the source is part of the key. E-mail addresses are expected normalised.
"""

from __future__ import annotations


def email_key(email: str) -> str:
    """The key of a normalised e-mail address."""
    return f"email:{email}"


def user_key(source: str, user_id: str) -> str:
    """The key of a person known to `source` by its own id."""
    return f"user:{source}:{user_id}"


def visitor_key(source: str, anonymous_id: str) -> str:
    """The key of somebody nobody has named yet."""
    return f"visitor:{source}:{anonymous_id}"


def keys_of(source: str, email: str | None, user_id: str | None, anonymous_id: str | None) -> tuple[str, ...]:
    """Every key a signal carries, strongest first: e-mail, then user, then visitor. Empty: the signal is nobody's."""
    found = []
    if email:
        found.append(email_key(email))
    if user_id:
        found.append(user_key(source, user_id))
    if anonymous_id:
        found.append(visitor_key(source, anonymous_id))
    return tuple(found)


def account_key(who: str, business_domain: str | None) -> str:
    """The key that decides the lane: the business domain where there is one, else the strongest key of the person."""
    return f"domain:{business_domain}" if business_domain else who
