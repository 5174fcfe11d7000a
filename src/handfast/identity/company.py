"""Is this company that account? By domain, by the distinctive words of the name, and by what supports them: phone, city, country.

Likeness of letters alone never decides: "Bank of the West" and "Bank of the East" are alike in 13 letters of 15 and are two banks. What
decides is a distinctive word both have (not a word of trade, a legal form or a joining word) and how many other accounts of this
installation have it too. A slip of the pen inside a long word is forgiven at a price; a distinctive word that each side has alone speaks
against.

Bits as in `compare`: the prior is one in as many accounts as there are, so that a name no other account shares just outweighs it, and
support lifts it over the bar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2
from typing import Final

from rapidfuzz.distance import OSA

from handfast.identity.compare import Step, probability
from handfast.identity.legal_forms import ARMS, JOINING, LEGAL_FORMS, LONGEST_FORM, TRADE
from handfast.identity.normalise import without_accents

_APOSTROPHE: Final = re.compile(r"['’`´]")
#: `AT&T` and `M & T` are one word.
_LETTERS_JOINED: Final = re.compile(r"\b(\w{1,2})\s*[&+]\s*(\w)\b")
_NOT_WORD: Final = re.compile(r"[^\w]+|_")


@dataclass(frozen=True, slots=True)
class Name:
    """A company name taken apart. `compact`: its words without spaces and legal forms; `words`: those that carry something; `form`: the
    legal form.
    """

    compact: str
    words: tuple[str, ...]
    form: str

    @property
    def distinctive(self) -> tuple[str, ...]:
        """The words that are no words of trade; where there are none, the name as a whole is its own distinctive word."""
        return tuple(w for w in self.words if w not in TRADE) or ((self.compact,) if self.compact else ())

    @property
    def acronym(self) -> str:
        """The first letters, of three words or more."""
        return "".join(w[0] for w in self.words) if len(self.words) > 2 else ""


@lru_cache(maxsize=131_072)
def read_name(text: str) -> Name:
    """A company name as people write it, taken apart; the name is empty where nothing but punctuation and legal forms is written."""
    bare = _LETTERS_JOINED.sub(r"\1and\2", without_accents(_APOSTROPHE.sub("", text)))
    parts = _joined_letters(_NOT_WORD.sub(" ", bare.replace("&", " and ").replace("+", " and ")).split())
    kept, form = _without_forms(parts)
    told = [w for w in kept if w not in JOINING] or kept
    words = [w for w in told if len(w) > 1] or told
    return Name("".join(words), tuple(words), form)


def _joined_letters(parts: list[str]) -> list[str]:
    """`n v` is `nv`, `d s m` is `dsm`: letters that stand alone, side by side, are one word."""
    joined: list[str] = []
    run = ""
    for part in [*parts, ""]:
        if len(part) == 1 and part.isalpha():
            run += part
            continue
        if run:
            # `s a r l` and `i b m b v`: a legal form at the end of the run is split off.
            split = next((k for k in range(len(run) - 1, 0, -1) if len(run) - k > 1 and run[k:] in LEGAL_FORMS and k > 1), None)
            joined += [run[:split], run[split:]] if split else [run]
            run = ""
        if part:
            joined.append(part)
    return joined


def _without_forms(parts: list[str]) -> tuple[list[str], str]:
    """The words before and after every legal form is taken from the end and the front; a name that is nothing else stays as it is."""
    words, form = list(parts), ""
    while len(words) > 1:
        tail = next((n for n in range(min(LONGEST_FORM, len(words) - 1), 0, -1) if " ".join(words[-n:]) in LEGAL_FORMS), 0)
        if tail:
            form = form or " ".join(words[-tail:])
            words = words[:-tail]
            continue
        head = next((n for n in range(min(LONGEST_FORM, len(words) - 1), 0, -1) if " ".join(words[:n]) in _FRONT), 0)
        if not head:
            if words[-1] in JOINING:
                words = words[:-1]
                continue
            break
        form = form or " ".join(words[:head])
        words = words[head:]
    inner = [w for w in words if w not in _INNER] or words
    return inner, form


#: Legal forms that also stand in front, and those that stand nowhere but as a legal form.
_FRONT: Final = frozenset(
    {
        "nv",
        "bv",
        "ag",
        "sa",
        "pt",
        "ooo",
        "oao",
        "zao",
        "firma",
        "naamloze vennootschap",
        "naamlooze vennootschap",
        "soc",
        "dite",
        "vennootschap",
    }
)
_INNER: Final = frozenset(
    {"bv", "nv", "gmbh", "inc", "ltd", "llc", "corp", "plc", "bvba", "sarl", "kgaa", "vnl", "limited", "incorporated", "corporation"}
)


@dataclass(frozen=True, slots=True)
class Company:
    """What is known of a company or account that it may be matched by. Domains registrable, phone E.164, city and country as
    `people.plain`.
    """

    name: str = ""
    domains: tuple[str, ...] = ()
    phone: str | None = None
    city: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Others:
    """How common things are among the accounts: how many accounts there are, how many have these words, this domain, phone, city, country.

    `words` gets the words two names share, and the two names, and says how many accounts have all of these words (it may leave out those
    that are the same company as the two); `holds(what, value)` the same of a `domain`, `phone`, `city`, `country` or `name` (compact). The
    account looked at is itself among them. `people` says how many people each of some accounts has, asked where there is a tie.
    """

    accounts: int
    words: Callable[[Sequence[str], Name, Name], float]
    holds: Callable[[str, str], float]
    people: Callable[[Sequence[str]], Mapping[str, int]] = lambda _: {}


@dataclass(frozen=True, slots=True)
class Likeness:
    """How likely two are one company. `code` names what agreed, strongest first: `NAME_DISTINCTIVE+CITY`."""

    probability: float
    bits: float
    code: str
    steps: tuple[Step, ...]


#: Nobody else has it yet: not the same as never.
_NOBODY: Final = 0.05
#: A field that differs, in bits: firms have several domains and phones, branches in several towns, rarely names in two countries.
_DIFFERS: Final = {"domain": -2.0, "phone": -0.3, "city": -1.2, "country": -2.0}
#: At most so much for a supporting agreement: a town is not a name.
_MOST_SUPPORT: Final = {"city": 5.0, "country": 2.0}
_UNSHARED: Final = -6.0
#: Sharing only what stands behind the first distinctive word ("Lely Maasland" and "Maasland"), in bits.
_TAIL: Final = 3.0
#: People write legal forms wrong all the time.
_FORM_CLASH: Final = -0.2


def likeness(a: Company, b: Company, others: Others) -> Likeness:
    """How likely the company somebody named (`a`) is this account (`b`), with the working."""
    steps = [_domain(a, b, others), *_name(read_name(a.name), read_name(b.name), others)]
    steps += [_phone(a, b, others), _place("city", a.city, b.city, others), _place("country", a.country, b.country, others)]
    told = tuple(s for s in steps if s is not None)
    bits = -log2(max(2, others.accounts)) + sum(s.bits for s in told)
    agreed = [s.level for s in told if s.bits > 0]
    return Likeness(probability(bits), bits, "+".join(agreed) or "NOTHING", told)


def _exclusive(agree: float, others: Others, holders: float, unseen: float = _NOBODY) -> float:
    """Bits of agreeing on what `holders` accounts have, this one among them. `unseen`: how many more, unknown to us, may have it."""
    return log2(agree * max(2, others.accounts) / (max(0.0, holders - 1) + unseen))


def _domain(a: Company, b: Company, others: Others) -> Step | None:
    if not a.domains or not b.domains:
        return None
    same = next((d for d in a.domains if d in b.domains), None)
    if same is None:
        return Step("domain", "DOMAIN_OTHER", f"the domains differ: {a.domains[0]}, {b.domains[0]}", _DIFFERS["domain"])
    return Step("domain", "DOMAIN_EXACT", f"the domain {same}", _exclusive(0.9, others, others.holds("domain", same)))


def _phone(a: Company, b: Company, others: Others) -> Step | None:
    if not a.phone or not b.phone:
        return None
    if a.phone != b.phone:
        return Step("phone", "PHONE_OTHER", "the phone numbers differ", _DIFFERS["phone"])
    return Step("phone", "PHONE", f"the phone number {a.phone}", _exclusive(0.3, others, others.holds("phone", a.phone)))


def _place(what: str, a: str | None, b: str | None, others: Others) -> Step | None:
    if not a or not b:
        return None
    if a != b:
        return Step(what, f"{what.upper()}_OTHER", f"the {what} differs: {a}, {b}", _DIFFERS[what])
    share = others.holds(what, a) / max(2, others.accounts)
    return Step(what, what.upper(), f"the {what} {a}", min(_MOST_SUPPORT[what], max(0.2, log2(0.6 / max(share, 1e-6)))))


# --- the name -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shared:
    """What two names share: pairs of words that are one word, and the words each has alone."""

    both: tuple[tuple[str, str], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def _name(a: Name, b: Name, others: Others) -> list[Step | None]:
    if not a.compact or not b.compact:
        return []
    clash = Step("form", "FORM_OTHER", f"the legal forms differ: {a.form}, {b.form}", _FORM_CLASH) if _clash(a.form, b.form) else None
    if a.compact == b.compact:
        bits = _exclusive(0.6, others, others.holds("name", b.compact), _NOBODY * 4.0 ** (1 - min(len(b.words), 4)))
        return [Step("name", "NAME_EXACT", f"the same name but for legal form and spelling: {' '.join(b.words)}", bits), clash]
    if _is_acronym(a, b) or _is_acronym(b, a):
        return [
            Step(
                "name",
                "ACRONYM",
                f"the initials of the name: {' '.join(a.words)}, {' '.join(b.words)}",
                log2(max(2, others.accounts)) + 0.5,
            ),
            clash,
        ]
    if _one_slip(a, b):
        unseen = _NOBODY * 4.0 ** (1 - min(max(len(b.words), len(b.compact) / 8), 4.0))
        return [
            Step(
                "name",
                "NAME_CLOSE",
                f"the names differ in one keystroke: {' '.join(a.words)}, {' '.join(b.words)}",
                _exclusive(0.5, others, others.holds("name", b.compact), unseen) - _slip_cost(a.words, b.words),
            ),
            clash,
        ]
    shared = share(a, b)
    telling = [pair for pair in shared.both if pair[0] not in TRADE and pair[1] not in TRADE]
    if not telling and len(shared.both) > 1 and not (shared.only_a and shared.only_b):
        return [_of_trade(shared, a, b, others), clash]
    if not telling:
        return [Step("name", "NAME_OTHER", f"no distinctive word in common: {' '.join(a.words)}, {' '.join(b.words)}", _UNSHARED)]
    return [_distinctive(a, b, shared, telling, others), clash]


def _distinctive(a: Name, b: Name, shared: Shared, telling: Sequence[tuple[str, str]], others: Others) -> Step:
    # That a company nobody has met has the same words too is the less likely, the more words there are. The first distinctive word
    # carries a name; a town or trade behind it, which another firm may have too, counts half.
    weight = 1 + 0.5 * (len(shared.both) - 1)
    bits = _exclusive(0.65, others, others.words([word for _, word in shared.both], a, b), _NOBODY * 4.0 ** (1 - min(weight, 4.0)))
    # Words more on one side are a longer way to write the name; words more on both sides are two companies of one house.
    alone_a, alone_b = _alone(shared.only_a), _alone(shared.only_b)
    arms = sum(w in ARMS for w in (*shared.only_a, *shared.only_b))
    bits += (
        max(-4.0, -0.3 * (alone_a + alone_b) - 0.8 * arms)
        - 5.0 * min(1.0, alone_a, alone_b)
        - sum(_slip(x, y, x == a.distinctive[0] or y == b.distinctive[0]) for x, y in shared.both)
    )
    if (shared.only_a or shared.only_b) and not _headed(a, b, telling):
        bits -= _TAIL
    said = " ".join(word for _, word in shared.both)
    more = [*shared.only_a, *shared.only_b]
    extra = f", beside {', '.join(more)}" if more else ""
    return Step("name", "NAME_DISTINCTIVE", f"the distinctive words in common: {said}{extra}", bits)


def _of_trade(shared: Shared, a: Name, b: Name, others: Others) -> Step:
    """Names of nothing but words of trade ("American Airlines", "American Airlines Group"): all of one side's words are the other's."""
    bits = _exclusive(0.3, others, others.words([word for _, word in shared.both], a, b)) - 0.5 * len((*shared.only_a, *shared.only_b))
    return Step("name", "NAME_WORDS", f"all words of the shorter name: {' '.join(w for _, w in shared.both)}", bits)


def _headed(a: Name, b: Name, telling: Sequence[tuple[str, str]]) -> bool:
    """Whether the first distinctive word of both names is among the shared ones."""
    return a.distinctive[0] in {x for x, _ in telling} and b.distinctive[0] in {y for _, y in telling}


def _alone(words: Sequence[str]) -> float:
    """How much the words that one side has alone speak against: a distinctive word 1, a word of trade half."""
    return sum(0.5 if w in TRADE else 1.0 for w in words)


def _slip(a: str, b: str, head: bool) -> float:
    """The price of taking two spellings for one word, in bits. In the word that carries a name, one letter is another firm ("Cigna",
    "Ciena"); one word the beginning of the other is an abbreviation only behind it ("Intuit" is not "Intuitive").
    """
    if a == b:
        return 0.0
    begun = abs(len(a) - len(b)) > 1 and (a.startswith(b) or b.startswith(a))
    return (3.0 if begun else 1.5 if min(len(a), len(b)) < 9 else 0.7) if head else 0.7


def _one_slip(a: Name, b: Name) -> bool:
    """Whether two whole names of six letters or more are one keystroke apart: a letter left out, put in or changed, a space misplaced."""
    long = min(len(a.compact), len(b.compact)) >= 6
    return long and OSA.distance(a.compact, b.compact, score_cutoff=1) <= 1


def _slip_cost(a: Sequence[str], b: Sequence[str]) -> float:
    """A slip in a long name is a slip; in a short one it may be another firm."""
    return 1.0 if min(sum(map(len, a)), sum(map(len, b))) < 9 else 0.4


def may_be(a: Company, b: Company) -> bool:
    """Whether anything that could make them one company agrees: worth weighing."""
    if (a.phone and a.phone == b.phone) or any(d in b.domains for d in a.domains):
        return True
    one, other = read_name(a.name), read_name(b.name)
    if not one.compact or not other.compact:
        return False
    if one.compact == other.compact or _one_slip(one, other) or _is_acronym(one, other) or _is_acronym(other, one):
        return True
    both = share(one, other).both
    return len(both) > 1 or any(x not in TRADE and y not in TRADE for x, y in both)


def contradict(a: Name, b: Name) -> bool:
    """Whether each of two names has words the other lacks."""
    shared = share(a, b)
    return bool(shared.only_a and shared.only_b)


def _clash(a: str, b: str) -> bool:
    return bool(a and b) and _FAMILY.get(a, a) != _FAMILY.get(b, b)


#: Forms written in several ways; Dutch firms change between NV and BV, American ones between Inc and Corp, and stay the same firm.
_FAMILY: Final = {
    "corp": "inc", "corporation": "inc", "incorporated": "inc", "co": "inc", "company": "inc", "limited": "ltd", "llc": "inc",
    "nv": "bv", "naamloze vennootschap": "bv", "naamlooze vennootschap": "bv", "besloten vennootschap": "bv", "vnl": "bv",
    "aktiengesellschaft": "ag", "aktienges": "ag", "aktiebolag": "ab",
}  # fmt: skip


def share(a: Name, b: Name) -> Shared:
    """Which words of two names are one word: the same, a slip apart in a long word, or one the beginning of the other."""
    left = list(b.words)
    both: list[tuple[str, str]] = []
    only_a: list[str] = []
    for word in a.words:
        found = word if word in left else next((other for other in left if same_word(word, other)), None)
        if found is None:
            only_a.append(word)
        else:
            both.append((word, found))
            left.remove(found)
    return Shared(tuple(both), tuple(only_a), tuple(left))


@lru_cache(maxsize=262_144)
def same_word(a: str, b: str) -> bool:
    """Whether two different spellings are one word: one slip in five letters or more, two in nine, or an abbreviation of four letters or
    more.

    The first letter must agree: slips at the front are rare, and `west` and `east` differ there.
    """
    short, long = sorted((a, b), key=len)
    if a[0] != b[0] or len(short) < 4:
        return False
    if long.startswith(short):
        return True
    allowed = 2 if len(short) >= 9 else 1 if len(short) >= 5 else 0
    return allowed > 0 and OSA.distance(a, b, score_cutoff=allowed) <= allowed


def _is_acronym(short: Name, long: Name) -> bool:
    return len(short.words) == 1 and 3 <= len(short.compact) <= 6 and short.compact == long.acronym
