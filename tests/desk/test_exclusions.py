"""What no buyer sent does not become a handoff: private addresses wait, machines score nothing."""

from __future__ import annotations

from handfast.store.base import Store

from .house import CONTRACT, House

EXCLUDING = CONTRACT.replace(
    "  next_step:\n",
    "  exclude: {free_mail: not_yet, employees: [kraus.example], bots: true, scanners: {links: 3, seconds: 10}}\n  next_step:\n",
).replace("      - {on: form_submitted, points: 30}", "      - {on: form_submitted, points: 30}\n      - {on: email_clicked, points: 10}")
CRAWLER = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"


def intent(house: House, email: str) -> float:
    return float(house.one("SELECT intent FROM standing AS s JOIN person AS p ON p.id = s.person_id WHERE email = %s", email)) / 1e6


def test_a_private_address_waits_with_its_reason(store: Store) -> None:
    house = House(store, EXCLUDING)
    house.arrives("lena@gmail.com", "Mon 10:00")
    assert house.rows("SELECT id FROM handoff") == []
    assert house.one("SELECT outcome, reason FROM standing") == ("not_yet", "free_mail")
    house.arrives("lena@klein.example", "Mon 10:05")
    assert house.one("SELECT count(*) FROM handoff") == 1


def test_our_own_people_are_never_leads(store: Store) -> None:
    house = House(store, EXCLUDING)
    house.arrives("anna@kraus.example", "Mon 10:00")
    assert house.one("SELECT outcome, reason FROM standing") == ("never", "employee")


def test_a_crawler_that_finds_the_form_asks_for_nothing(store: Store) -> None:
    house = House(store, EXCLUDING)
    house.arrives("lena@klein.example", "Mon 10:00", user_agent=CRAWLER)
    assert house.rows("SELECT id FROM handoff") == []
    assert house.one("SELECT intent, next_step FROM standing") == (0, None)


def test_clicks_on_every_link_of_a_mail_count_for_nothing_and_one_click_does(store: Store) -> None:
    """The burst is told from a click once its seconds have passed: at the next thing they do."""
    house = House(store, EXCLUDING)
    for link in ("/a", "/b", "/c"):
        house.hears(house.signal("lena@klein.example", "email_clicked", "Mon 10:00", link=link, campaign="spring"))
        house.hears(house.signal("otto@klein.example", "email_clicked", "Mon 10:00", link="/a", campaign="spring"))
    for email in ("lena@klein.example", "otto@klein.example"):
        house.hears(house.signal(email, "page_viewed", "Mon 10:05", path="/pricing"))
    house.decide("Mon 10:05")
    assert 9.9 < intent(house, "lena@klein.example") <= 10
    assert 39.9 < intent(house, "otto@klein.example") <= 40
