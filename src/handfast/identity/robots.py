"""Who is no person: user agents of crawlers and security scanners, and addresses that belong to a desk instead of a human being."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

#: Security products that open the links of a mail before its reader does. Each names itself in its user agent; the many that do not are
#: told by how they click (`ready.exclude.scanners`).
SCANNERS: Final = (
    "Barracuda", "BitDefender", "Cloudmark", "FireEye", "Forcepoint", "IronPort", "MailGuard", "Mimecast", "Proofpoint", "SafeLinks",
    "Sophos", "Symantec", "TrendMicro", "Trustwave", "URLDefense", "Zscaler",
)  # fmt: skip

#: The part before the @ of addresses that a desk reads. After RFC 2142, and what companies print on their pages.
ROLES: Final[frozenset[str]] = frozenset(
    """
    abuse accounting accounts admin administration administrator all anfrage bewerbung billing booking bookings buchhaltung careers
    compliance contact contacto contactus customercare customerservice datenschutz dev devnull dns everyone events facturation feedback
    finance ftp hallo hello help helpdesk hello hi hostmaster hr info infos information inquiries inquiry invest investor investors
    invoice invoices it jobs karriere kontakt legal list mail mailbox mailer-daemon marketing media moderator news newsletter noc no-reply
    noreply office operations orders partner partners payroll personal post postmaster pr press presse privacy procurement purchasing
    rechnung reception recruiting registrar reservations root rsvp sales secretary security service services shop spam staff subscribe
    support sysadmin team tech telecom test undisclosed-recipients unsubscribe usenet uucp verkauf vertrieb web webmaster website welcome
    www
    """.split()  # noqa: SIM905 (a list this long reads best as words)
)


def is_role(local: str) -> bool:
    """Whether the part before the @ (lower case) names a desk: `info`, also `info+web` and `sales-emea`, `sales.de`."""
    name = local.partition("+")[0]
    return name in ROLES or re.split(r"[._-]", name, maxsplit=1)[0] in _WITH_SUFFIX


#: Only these are taken for a desk with something behind them: `sales-emea`, `info.de`. A person may be called `mail.jackson`.
_WITH_SUFFIX: Final = frozenset({"billing", "helpdesk", "info", "jobs", "noreply", "office", "sales", "support", "vertrieb", "webmaster"})


@cache
def _crawlers() -> tuple[re.Pattern[str], ...]:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    patterns = [entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA]
    parts = [re.compile("|".join(patterns[start : start + 50])) for start in range(0, len(patterns), 50)]
    return (*parts, re.compile("|".join(SCANNERS), re.IGNORECASE))


@lru_cache(maxsize=65_536)
def is_robot(user_agent: str) -> bool:
    """Whether a user agent names a known crawler, monitor, library or scanner. Longer ones are read up to 500 characters."""
    text = user_agent[:500]
    return any(pattern.search(text) for pattern in _crawlers())
