"""Addresses, domains and names: the same thing said twice is the same."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from handfast.facts import lane_of
from handfast.identity.free_mail import FREE_MAIL
from handfast.identity.keys import account_key, email_key
from handfast.identity.normalise import business_domain, email_address, is_disposable, registrable, snake_case


@pytest.mark.parametrize(
    ("as_typed", "address"),
    [
        (" Pat@Acme.Example ", "pat@acme.example"),
        ("PAT+Demo@ACME.example", "pat+demo@acme.example"),
        ("o'brien@acme.co.uk", "o'brien@acme.co.uk"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("jürgen@acme.example", "jürgen@acme.example"),
        ("anna@", None),
        ("anna", None),
        ("", None),
        ("a..b@acme.example", None),
        ("a@b", None),
        ("a@acme.test", None),
        ("a@192.0.2.1", None),
        ("Pat <pat@acme.example>", None),
        ("pat@acme.example, bo@acme.example", None),
        ("pat@acme_shop.example", None),
        ("a" * 65 + "@acme.example", None),
        ("a@" + "b" * 250 + ".example", None),
        ("pat\x00@acme.example", None),
        ("pat@acme.example\nbcc: x@y.example", None),
    ],
)
def test_an_address_has_one_form_or_none(as_typed: str, address: str | None) -> None:
    assert email_address(as_typed) == address


letters = st.sampled_from("aAbBzZ019.-_+'@ üßİıſﬁ例\x00\t")


@given(st.text(letters, max_size=30) | st.emails() | st.text(max_size=40))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = email_address(text)
    assert once is None or email_address(once) == once


@given(st.emails() | st.from_regex(r"\A[a-z0-9.+'-]{1,12}@[a-z0-9.-]{1,20}\Z"))
def test_the_fast_path_says_what_email_validator_says(text: str) -> None:
    """What the plain pattern decides alone is what the library would have decided."""
    try:
        judged = validate_email(text.strip().lower(), check_deliverability=False)
        expected = f"{judged.local_part}@{judged.ascii_domain}"
    except EmailNotValidError:
        expected = None
    assert email_address(text) == expected


@pytest.mark.parametrize(
    ("address", "firm"),
    [
        ("pat@acme.example", "acme.example"),
        ("pat@mail.acme.co.uk", "acme.co.uk"),
        ("pat@gmail.com", None),
        ("pat@hey.com", None),
        ("pat@tutanota.com", None),
        ("pat@vip.163.com", None),
        ("pat@mozmail.com", None),
        ("pat@mailinator.com", None),
        ("pat@facebook.com", "facebook.com"),
        ("pat@telstra.com", "telstra.com"),
        ("pat@acme.onmicrosoft.com", "acme.onmicrosoft.com"),
        ("pat@anna.github.io", "anna.github.io"),
        ("pat@github.io", "github.io"),
        ("pat@co.uk", None),
    ],
)
def test_the_business_domain_speaks_of_a_company(address: str, firm: str | None) -> None:
    assert business_domain(address) == firm


def test_a_contract_may_add_free_mail_of_its_own() -> None:
    assert business_domain("pat@campus.example") == "campus.example"
    assert business_domain("pat@campus.example", frozenset({"campus.example"})) is None
    assert business_domain("pat@mail.campus.example", frozenset({"campus.example"})) is None


@given(st.from_regex(r"\A[a-z0-9.-]{0,30}\Z") | st.text(max_size=20))
def test_the_registrable_domain_of_itself_is_itself(domain: str) -> None:
    found = registrable(domain)
    assert found is None or registrable(found) == found


def test_the_free_mail_list_is_reviewed() -> None:
    """The firms named in its header are out, the providers in; nothing is on it that is disposable or no domain."""
    assert FREE_MAIL.isdisjoint({"facebook.com", "rogers.com", "cox.com", "sky.com", "virginmedia.com", "telstra.com"})
    assert {"hey.com", "tuta.io", "tutanota.com", "mailbox.org", "pobox.com", "daum.net", "docomo.ne.jp", "mozmail.com"} <= FREE_MAIL
    assert [name for name in FREE_MAIL if is_disposable(name)] == []
    assert [name for name in FREE_MAIL if email_address(f"a@{name}") is None] == []


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Demo Requested", "demo_requested"),
        ("demo-requested", "demo_requested"),
        ("demoRequested", "demo_requested"),
        ("DemoRequested", "demo_requested"),
        ("DEMO REQUESTED", "demo_requested"),
        ("HTTPServerError", "http_server_error"),
        ("  utm_source ", "utm_source"),
        ("Größe Änderung", "größe_änderung"),
        ("製品 閲覧", "製品_閲覧"),
        ("!!!", ""),
    ],
)
def test_names_in_every_fashion_are_one_name(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@given(st.text(max_size=30))
def test_snake_case_is_its_own_snake_case(name: str) -> None:
    assert snake_case(snake_case(name)) == snake_case(name)


def test_colleagues_share_a_lane_and_strangers_at_gmail_do_not_share_a_key() -> None:
    keys = [
        account_key(email_key(a), business_domain(a)) for a in ("pat@acme.example", "bo@mail.acme.example", "x@gmail.com", "y@gmail.com")
    ]
    assert keys[0] == keys[1] == "domain:acme.example"
    assert keys[2:] == ["email:x@gmail.com", "email:y@gmail.com"]
    assert lane_of(keys[0]) == lane_of(keys[1])


def test_no_socket_is_opened_at_import_or_first_use() -> None:
    """The suffix list, the free-mail list and the validator are on disk: an installation without a network works the same."""
    program = """
        import socket
        def refuse(*a, **k): raise AssertionError("a socket was opened")
        socket.socket.connect = refuse
        socket.socket.connect_ex = refuse
        socket.getaddrinfo = refuse
        socket.create_connection = refuse
        from handfast.identity.normalise import business_domain, email_address
        from handfast.connectors import segment
        assert email_address("Änna@bücher.example") == "änna@xn--bcher-kva.example"
        assert business_domain("pat@mail.acme.co.uk") == "acme.co.uk"
        assert business_domain("pat@mailinator.com") is None
        print("fine")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert done.stdout == "fine\n", done.stderr
