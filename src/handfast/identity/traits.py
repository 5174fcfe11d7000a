"""What the world calls a trait, and what we call it: one table for every door a person or company comes in by.

Pure. Names are compared in snake_case, `null` and blank text are absent, and what was learned first stays: the caller reads the
strongest source first.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from handfast.contract.countries import country
from handfast.identity.normalise import email_address, registrable, snake_case

#: Nested values are kept to this depth; conditions cannot read them, and a document has no business in a trait.
LEVELS: Final = 16
_PLAIN: Final = frozenset({str, int, float, bool})


class TooDeep(ValueError):
    """A value is nested deeper than `LEVELS` levels."""

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {LEVELS} levels")


def keep(said: Mapping[str, Any], into: dict[str, Any]) -> None:
    """Copies what is there under snake_case names; null is absent, the first of two equal names stays. Raises TooDeep."""
    for name, value in said.items():
        if value is None:
            continue
        key = snake_case(name)
        if key and key not in into:
            into[key] = value if type(value) in _PLAIN else nested(value)


def nested(value: Any, levels: int = LEVELS) -> Any:
    """A list or object as it came, without nulls in objects. Raises TooDeep."""
    if levels <= 0:
        raise TooDeep
    if type(value) is dict:
        return {k: v if type(v) in _PLAIN else nested(v, levels - 1) for k, v in value.items() if v is not None}
    if type(value) is list:
        return [v if type(v) in _PLAIN or v is None else nested(v, levels - 1) for v in value]
    return value


#: What the world calls it → what we call it. Names are compared in snake_case.
_PERSON: Final = {
    "e_mail": "email", "email_address": "email", "mail": "email",
    "phone_number": "phone", "mobile": "phone", "mobile_phone": "phone", "telephone": "phone",
    "firstname": "first_name", "given_name": "first_name", "fname": "first_name",
    "lastname": "last_name", "family_name": "last_name", "surname": "last_name", "lname": "last_name",
    "full_name": "name", "fullname": "name",
    "job_title": "title", "jobtitle": "title", "position": "title",
    "job_level": "seniority", "seniority_level": "seniority",
    "country_code": "country", "country_name": "country", "zip": "postal_code", "zip_code": "postal_code", "postcode": "postal_code",
    "company_name": "company", "organization": "company", "organisation": "company", "account_name": "company", "employer": "company",
}  # fmt: skip
#: Traits of a person that speak of the company, whoever says them.
_OF_THE_FIRM: Final = {
    "employees": "employees", "employee_count": "employees", "number_of_employees": "employees", "num_employees": "employees",
    "company_size": "employees", "headcount": "employees",
    "industry": "industry", "company_industry": "industry",
    "annual_revenue": "annual_revenue", "revenue": "annual_revenue", "company_revenue": "annual_revenue",
    "company_domain": "domain", "company_website": "website",
}  # fmt: skip
_ACCOUNT: Final = {
    **_OF_THE_FIRM, "size": "employees", "company": "name", "company_name": "name", "account_name": "name", "organization": "name",
    "url": "website", "country_code": "country", "country_name": "country",
    "parent_account": "parent", "parent_domain": "parent", "parent_id": "parent",
}  # fmt: skip
#: Of an event's properties, these are also said of the person, where the properties hold an e-mail address: a form that was filled in.
#: `name` and `title` are not among them: on an event they are the form's, the page's or the paper's.
FORM: Final = frozenset(
    {"first_name", "last_name", "firstname", "lastname", "full_name", "phone", "phone_number", "job_title", "seniority", "company",
     "company_name", "country", "city", "state", "employees", "employee_count", "company_size", "industry", "website", "company_domain",
     "company_website"}
)  # fmt: skip
_ADDRESS: Final = ("street", "city", "state", "country", "postal_code")


def learn_person(traits: Mapping[str, Any], person: dict[str, Any], account: dict[str, Any]) -> None:
    """Traits under our names. What was learned before stays: the call's own traits are read before its context's."""
    for name, value in traits.items():
        if value is None:
            continue
        key = _trait(name)
        if type(value) is str and not (value := value.strip()):
            continue
        if key == "email":
            _learn_email(value, person)
        elif key == "company" and type(value) is dict:
            learn_account(value, account)
            if "name" in account:
                person.setdefault("company", account["name"])
        elif key == "address" and type(value) is dict:
            _learn_address(value, person)
        elif key in _OF_THE_FIRM:
            learn_account({key: value}, account)
        elif key and key not in person:
            if key == "company" and type(value) is str:
                account.setdefault("name", value)
            person[key] = _country(value) if key == "country" else value if type(value) in _PLAIN else nested(value)


@lru_cache(maxsize=4096)
def _trait(name: str) -> str:
    key = snake_case(name)
    return _PERSON.get(key, key)


def _learn_email(value: Any, person: dict[str, Any]) -> None:
    email = email_address(value) if type(value) is str else None
    if email is not None:
        person.setdefault("email", email)
    else:
        # Kept as it came: the event may still be somebody's by its other ids, and the typing mistake can be seen.
        person.setdefault("email_as_given", str(value)[:254])


def _learn_address(address: Mapping[str, Any], facts: dict[str, Any]) -> None:
    for name, value in address.items():
        key = _trait(name)
        if key in _ADDRESS and type(value) is str and value.strip():
            facts.setdefault(key, _country(value) if key == "country" else _capitals(value.strip()))


def learn_account(traits: Mapping[str, Any], account: dict[str, Any]) -> None:
    for name, value in traits.items():
        if value is None:
            continue
        key = snake_case(name)
        key = _ACCOUNT.get(key, key)
        if type(value) is str and not (value := value.strip()):
            continue
        if key == "address" and type(value) is dict:
            _learn_address(value, account)
        elif key == "id":
            account.setdefault("external_id", str(value)[:200])
        elif key and key not in account:
            account[key] = _account_value(key, value)
    if "domain" not in account and type(website := account.get("website")) is str and (host := _host(website)):
        account["domain"] = host


def _account_value(key: str, value: Any) -> Any:
    if key in {"employees", "annual_revenue"}:
        return _number(value)
    if key == "country":
        return _country(value)
    if key == "domain" and type(value) is str:
        return _host(value) or value
    if key == "parent" and type(value) in (str, int):
        return parent_key(str(value))
    return value if type(value) in _PLAIN else nested(value)


def parent_key(said: str) -> str:
    """The key of the account above this one: its registrable domain, or `group:ID` where an id was said."""
    return _host(said) or (said if said.startswith("group:") else f"group:{said.strip()}")[:260]


def _number(value: Any) -> Any:
    """A whole number where it is one (`420`, `'1,200'`, `420.0`), else the value as it came (`'201-500'`)."""
    if type(value) is float and value.is_integer():
        return int(value) if abs(value) < 2**53 else value
    if type(value) is str:
        digits = value.replace(",", "").replace("_", "").replace(" ", "").lstrip("$€£")
        if digits.isascii() and digits.isdigit() and len(digits) < 16:
            return int(digits)
    return value


def _country(value: Any) -> Any:
    """By its code (`Deutschland` → `DE`); what is no country's name as it came."""
    return country(value) if type(value) is str else value


def _capitals(value: str) -> str:
    """Codes of states in capitals (`ca` → `CA`); names as they came."""
    return value.upper() if len(value) == 2 else value


@lru_cache(maxsize=4096)
def _host(website: str) -> str | None:
    """The registrable domain of an address or a bare domain, or None."""
    text = website.strip().lower()
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return None
    plausible = "." in host and len(host) <= 253 and all(c.isalnum() or c in ".-" for c in host) and not host.replace(".", "").isdigit()
    return registrable(host) if plausible else None
