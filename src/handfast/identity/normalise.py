"""One way to write an e-mail address, a domain and a name, so that the same thing said twice is the same.

Pure and offline: the public suffix list, the disposable domains and the free-mail list come with installed packages, and no
function opens a socket. Every function is idempotent and cached, since the same few addresses come by all day.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from handfast.identity.free_mail import FREE_MAIL

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

#: The plain shape nearly every address has: decided here in a microsecond. All else is decided by email-validator (100 µs).
#: Labels with `--` in places 3 and 4 are left to it too (IDNA).
_PLAIN: Final = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@((?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!..--)[a-z](?:[a-z0-9-]{0,61}[a-z])?)",
    re.ASCII,
)
#: Top-level names that are nobody's by standard (RFC 6761 and its kin), as email-validator has them.
#: `.example` is not among them: it is what demonstrations are written with.
_RESERVED: Final = frozenset({"arpa", "invalid", "local", "localhost", "onion", "test"})
#: Hosts that lend every customer a sub-domain of its own for mail, and that the public suffix list does not name.
_LENDERS: Final = frozenset({"onmicrosoft.com"})

_NOT_WORD: Final = re.compile(r"[\W_]+")

LONGEST_EMAIL: Final = 254
LONGEST_LOCAL: Final = 64


@lru_cache(maxsize=65_536)
def email_address(text: str) -> str | None:
    """The address as identity: trimmed, all lower case, the domain in its ASCII (IDNA) form; None where it is no address.

    The local part is lower-cased although RFC 5321 would allow `Anna@` and `anna@` to be two people: no mailbox provider does.
    Tags (`anna+demo@`) stay: they are another mailbox until proved otherwise. Nothing is looked up: whether the mailbox exists is unknown.
    """
    candidate = text.strip().lower()
    if len(candidate) > LONGEST_EMAIL * 4:
        return None
    if (plain := _PLAIN.fullmatch(candidate)) is not None:
        domain = plain[1]
        if "." not in domain or domain.rpartition(".")[2] in _RESERVED:
            return None
        fits = len(candidate) <= LONGEST_EMAIL and len(candidate) - len(domain) - 1 <= LONGEST_LOCAL
        return candidate if fits and len(domain) <= 253 else None
    return _judged(candidate) if "@" in candidate else None


def _judged(candidate: str) -> str | None:
    """email-validator's answer, in our form: local part lower-cased and NFC, domain in ASCII."""
    from email_validator import EmailNotValidError, validate_email

    # Lower-casing can undo the normal form and the other way round; two rounds reach rest for every letter there is.
    for _ in range(3):
        try:
            valid = validate_email(candidate, check_deliverability=False)
        except EmailNotValidError:
            return None
        settled = f"{unicodedata.normalize('NFC', valid.local_part.lower())}@{str(valid.ascii_domain).lower()}"
        if settled == candidate:
            return settled if len(settled) <= LONGEST_EMAIL else None
        candidate = settled
    return None


#: Providers that deliver `anna+demo@` to `anna@`, and the one host each of them writes as several.
_TAGS_IGNORED: Final = frozenset(
    {
        "fastmail.com",
        "gmail.com",
        "googlemail.com",
        "hotmail.com",
        "icloud.com",
        "live.com",
        "mac.com",
        "me.com",
        "outlook.com",
        "pm.me",
        "proton.me",
        "protonmail.com",
    }
)
_DOTS_IGNORED: Final = frozenset({"gmail.com"})
_SAME_HOST: Final = {"googlemail.com": "gmail.com", "protonmail.com": "proton.me", "pm.me": "proton.me"}


@lru_cache(maxsize=65_536)
def mailbox(email: str) -> str:
    """The mailbox a normalised address is delivered to: without tag and dots where the provider is known to ignore them.

    Elsewhere a tag or a dot may be another mailbox, and the address stays as it is.
    """
    local, _, host = email.rpartition("@")
    if host in _TAGS_IGNORED:
        local = local.partition("+")[0] or local
    host = _SAME_HOST.get(host, host)
    if host in _DOTS_IGNORED:
        local = local.replace(".", "") or local
    return f"{local}@{host}"


def domain_of(email: str) -> str:
    """What follows the `@` of a normalised address."""
    return email.rpartition("@")[2]


@lru_cache(maxsize=65_536)
def registrable(domain: str) -> str | None:
    """The part of a domain that somebody registered: `mail.acme.co.uk` gives `acme.co.uk`; None for a bare suffix such as `co.uk`.

    Private suffixes count, so that two tenants of one host stay two (`anna.github.io`, `acme.onmicrosoft.com`); the host itself
    (`github.io`) is its own firm.
    """
    name = domain.strip().strip(".").lower()
    if not name:
        return None
    for lender in _LENDERS:
        if name.endswith(f".{lender}"):
            return ".".join(name.split(".")[-lender.count(".") - 2 :])
    found = _suffixes().privatesuffix(name) or _icann_suffixes().privatesuffix(name)
    return str(found) if found else None


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


@cache
def _icann_suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(only_icann=True)


@cache
def _disposable() -> frozenset[str]:
    from disposable_email_domains import blocklist

    return frozenset(blocklist)


@lru_cache(maxsize=65_536)
def is_free_mail(domain: str) -> bool:
    """Whether anybody may have an address there (`gmail.com`), or at a sub-domain of it."""
    return any(name in FREE_MAIL for name in _itself_and_parents(domain))


@lru_cache(maxsize=65_536)
def is_disposable(domain: str) -> bool:
    """Whether addresses there are made to be thrown away."""
    listed = _disposable()
    return any(name in listed for name in _itself_and_parents(domain))


def _itself_and_parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]


def business_domain(email: str, extra_free: frozenset[str] = frozenset()) -> str | None:
    """The registrable domain of a normalised address where it speaks of a company, else None (free mail, disposable, no address).

    `extra_free` are the contract's own additions (`match: free_mail`), lower case.
    """
    found = _business_domain(domain_of(email))
    return None if found is None or found in extra_free or domain_of(email) in extra_free else found


@lru_cache(maxsize=65_536)
def _business_domain(domain: str) -> str | None:
    if not domain or is_free_mail(domain) or is_disposable(domain):
        return None
    return registrable(domain)


def without_accents(text: str) -> str:
    """In lower case and without accents: `Müller` is `muller`. What is plain ASCII has none."""
    folded = text.casefold()
    return folded if folded.isascii() else "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))


@lru_cache(maxsize=16_384)
def snake_case(name: str) -> str:
    """`Demo Requested`, `demo-requested`, `demoRequested` and `DemoRequested` are all `demo_requested`. Letters of any script stay."""
    text = unicodedata.normalize("NFKC", name)
    edged = "".join(
        f"_{c}" if i and c.isupper() and (text[i - 1].islower() or (text[i - 1].isupper() and text[i + 1 : i + 2].islower())) else c
        for i, c in enumerate(text)
    )
    return unicodedata.normalize("NFKC", _NOT_WORD.sub("_", edged.lower())).strip("_")
