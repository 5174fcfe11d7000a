"""Slack, both ways: notices by the real SDK to a server that plays its Web API, and buttons by callbacks that the SDK's verifier signs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_house import Workspace, playing
from slack_sdk.models.blocks import ActionsBlock, Block, ContextBlock, HeaderBlock, InputBlock, RichTextBlock
from slack_sdk.models.views import View
from slack_sdk.signature import SignatureVerifier

from handfast.brief.slack import disposition_modal, escaped, notice_blocks
from handfast.connectors.channel import Elsewhere, Permanent, Temporary
from handfast.connectors.slack import Slack, SlackChannel, read_callback, read_slack, verified
from handfast.contract.terms import Reason
from handfast.desk.deliver import Delivered, deliver
from handfast.facts import Outcome
from handfast.sla.notice import KINDS, Address, Kind, Message, Named, notice, with_names
from handfast.sla.together import one_of_many

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BASE = "https://handoffs.northwind.example"
BRIEF = {
    "headline": {"text": "Maya Lindqvist, VP Operations at Halden Logistics: demo"},
    "asked": {"text": "Need a quote for 120 seats."},
    "opener": {"text": "Hi Maya, shall I show you the two plans that fit?"},
    "why_ready": [{"text": "Fit 65 of 50"}, {"text": "Intent 62 of 40"}],
    "reach": [{"text": "+49 40 5550 142", "by": "phone"}],
    "missing": [{"text": "phone is required by the contract and not known"}],
}


def message(kind: Kind = "handoff_opened", *, name: str = "Maya Lindqvist", to: str = "ana", ident: str = "msg_1", **more: Any) -> Message:
    maya, halden, ana = Named("per_maya", name), Named("acc_halden", name), Named("ana", "Ana Silva")
    payload = notice(
        kind,
        handoff_id="hnd_maya",
        opened_at=NOON,
        next_step="demo",
        person=maya,
        account=halden,
        owner=ana,
        due_at=NOON + timedelta(minutes=5),
        why=more.pop("why", "It is Ana's turn."),
    )
    known = with_names(payload, {("person", "per_maya"): name, ("account", "acc_halden"): name, ("rep", "ana"): "Ana Silva"})
    reader = Address("Ana Silva", f"{to}@northwind.example", "Europe/Berlin") if to == "ana" else None
    return Message(
        ident, "hnd_maya", kind, "slack", to, "ana", known, NOON, 1, NOON + timedelta(minutes=1), reader, None, more.pop("brief", BRIEF)
    )


def texts(value: Any) -> list[tuple[str, str]]:
    """(type of the object, text) of every text that Slack would show."""
    if isinstance(value, Mapping):
        own = [(str(value.get("type")), value["text"])] if isinstance(value.get("text"), str) else []
        return own + [found for part in value.values() for found in texts(part)]
    return [found for part in value for found in texts(part)] if isinstance(value, list) else []


def models(blocks: list[dict[str, Any]]) -> None:
    """The SDK's own models read the blocks and find them within Slack's limits."""
    known = {"header": HeaderBlock, "rich_text": RichTextBlock, "actions": ActionsBlock, "context": ContextBlock, "input": InputBlock}
    for block in blocks:
        assert isinstance(Block.parse(block), known[block["type"]])
        Block.parse(block).validate_json()
    assert len(blocks) <= 50
    assert len(json.dumps(blocks)) < 13_000


# --- what it looks like -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_notice_is_within_slacks_limits(kind: Kind) -> None:
    for long in (message(kind), message(kind, name="Ö" * 3000, why="w" * 3000, brief=None)):
        text, blocks = notice_blocks(long, BASE)
        models(blocks)
        assert text


def test_a_new_handoff_says_who_why_and_until_when_with_buttons() -> None:
    text, blocks = notice_blocks(message(), BASE)
    said = " | ".join(text for _, text in texts(blocks))
    for words in (
        "Maya Lindqvist, VP Operations",
        "First touch by",
        "Need a quote for 120 seats.",
        "shall I show you",
        "Fit 65 of 50",
        "not known",
    ):
        assert words in said
    buttons = next(b for b in blocks if b["type"] == "actions")["elements"]
    wanted = ["accept", "touch.call", "touch.email", "dispose.meeting_set", "dispose.recycle", "dispose.disqualify", "open"]
    assert [b["action_id"] for b in buttons] == wanted
    assert {b["value"] for b in buttons} == {"hnd_maya"}  # ids travel, nothing about the person
    assert text.startswith("Maya Lindqvist")


def test_a_manager_gets_no_buttons_of_the_owner() -> None:
    _, blocks = notice_blocks(replace(message("breach"), recipient="mo"), BASE)
    assert [b["action_id"] for b in next(b for b in blocks if b["type"] == "actions")["elements"]] == ["open"]


@settings(max_examples=60, deadline=None)
@given(
    st.text(min_size=1, max_size=200) | st.sampled_from(["<!channel> *now* <https://evil.example|click>", "</b>&lt;", "`x` ~y~ _z_ @here"])
)
def test_whatever_somebody_is_called_slack_parses_nothing_of_it(name: str) -> None:
    """Names stand only where Slack shows text as it is; in the fallback, which it parses, nothing can begin a mention or a link."""
    text, blocks = notice_blocks(message(name=name, brief={**BRIEF, "asked": {"text": name}, "headline": {"text": name}}), BASE)
    models(blocks)
    assert {kind for kind, _ in texts(blocks)} <= {"plain_text", "text", "link"}
    assert "<" not in text
    assert ">" not in text
    assert escaped("a & b <c>") == "a &amp; b &lt;c&gt;"


def test_many_become_one_list_with_links() -> None:
    parts = [replace(message("reminder", name=f"Person {n}"), id=f"msg_{n}") for n in range(60)]
    text, blocks = notice_blocks(one_of_many(parts), BASE)
    models(blocks)
    assert "60 notices" in text
    assert "And 20 more" in str(blocks)


def test_the_modal_asks_for_the_reason_and_what_the_reasons_ask_for() -> None:
    reasons = {
        "not_now": Reason(label="Not now"),
        "other": Reason(),
        "lost": Reason(requires={"competitor": "text", "ends": "time", "seats": "int"}),
    }
    view = disposition_modal(Outcome.RECYCLE, reasons, {"other"}, "{}")
    View(**view).validate_json()
    assert [b["block_id"] for b in view["blocks"]] == ["reason", "note", "answer-lost-competitor", "answer-lost-ends", "answer-lost-seats"]
    assert "needed for: other" in view["blocks"][1]["label"]["text"]
    many = {f"r{n}": Reason(label="x" * 200, requires={"a": "text", "b": "bool"}) for n in range(120)}
    View(**disposition_modal(Outcome.DISQUALIFY, many, set(many), "{}")).validate_json()
    meeting = disposition_modal(Outcome.MEETING_SET, {}, (), "{}", time_required=True)
    assert meeting["blocks"][0]["optional"] is False


# --- out --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with playing(Workspace()) as slack:
        yield slack


def app(workspace: Workspace, **more: Any) -> Slack:
    found, problems = read_slack("xoxb-test", SECRET, {"ops": "#handoffs"}, workspace.url + "/api/")
    assert found is not None, problems
    return replace(found, **more)


def test_a_rep_is_found_by_mail_address_once_and_told_directly(workspace: Workspace) -> None:
    channel = SlackChannel(app(workspace), BASE)
    channel.send(message(ident="msg_1"))
    channel.send(message("reminder", ident="msg_2"))
    assert len(workspace.of("users.lookupByEmail")) == 1
    first, second = workspace.of("chat.postMessage")
    assert first["channel"] == second["channel"] == "UANA"
    assert first["metadata"]["event_payload"] == {"id": "msg_1", "handoff": "hnd_maya"}
    assert first["blocks"][0]["type"] == "header"
    assert first["unfurl_links"] in (False, "0", 0)


def test_a_team_and_a_ladders_channel(workspace: Workspace) -> None:
    channel = SlackChannel(app(workspace), BASE)
    channel.send(message("exception", to="ops"))
    channel.send(message("breach", to="channel:sales-floor"))
    assert [said["channel"] for said in workspace.of("chat.postMessage")] == ["#handoffs", "#sales-floor"]
    with pytest.raises(Elsewhere, match="no Slack channel is named for 'marketing'"):
        channel.send(message("returned", to="marketing"))


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        ((200, {"ok": False, "error": "is_archived"}, {}), Permanent, "is_archived"),
        ((200, {"ok": False, "error": "invalid_auth"}, {}), Temporary, "invalid_auth"),
        ((429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "37"}), Temporary, "asked us to wait"),
        ((503, {"ok": False}, {}), Temporary, "refused us"),
    ],
)
def test_what_slack_answers_is_permanent_or_temporary(workspace: Workspace, answer: Any, kind: type[Exception], why: str) -> None:
    workspace.answers["chat.postMessage"] = answer
    with pytest.raises(kind, match=why) as caught:
        SlackChannel(app(workspace), BASE).send(message())
    if answer[0] == 429:
        assert caught.value.retry_after == 37.0  # type: ignore[attr-defined]
        assert caught.value.down  # type: ignore[attr-defined]


def test_a_rep_who_is_not_in_slack_and_a_slack_that_is_away(workspace: Workspace) -> None:
    channel = SlackChannel(app(workspace), BASE)
    stranger = replace(message(), to=Address("Zoe", "zoe@northwind.example"))
    with pytest.raises(Elsewhere, match="nobody in Slack"):
        channel.send(stranger)
    with pytest.raises(Temporary, match="not reached"):
        SlackChannel(app(workspace, api="http://127.0.0.1:9/"), BASE).send(message())


def test_wrong_settings_are_told_without_the_secret() -> None:
    found, problems = read_slack("xoxp-my secret", "not a secret!", {}, "ftp://slack")
    assert found is None
    assert len(problems) == 3
    assert not any("my secret" in str(p) or "not a secret" in str(p) for p in problems)


# --- back -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SlackSettings:
    slack: Slack
    public_url: str = "http://127.0.0.1"


class Pressing:
    """Somebody in Slack: presses buttons and sends modals, signed as Slack signs."""

    def __init__(self, server: Any, http: httpx.Client, workspace: Workspace) -> None:
        self.server, self.http, self.workspace = server, http, workspace

    def post(self, payload: dict[str, Any], *, secret: str = SECRET, ago: float = 0, body: bytes | None = None) -> httpx.Response:
        at = str(int((self.server.clock() - timedelta(seconds=ago)).timestamp()))
        raw = body if body is not None else urlencode({"payload": json.dumps(payload)}).encode()
        signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=raw) or ""
        headers = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        return self.http.post("/hooks/slack", content=raw, headers=headers)

    def press(self, action: str, value: str = "hnd_maya", *, user: str = "UANA", at: datetime | None = None) -> httpx.Response:
        pressed_at = (at or self.server.clock()).timestamp()
        reply = f"{self.workspace.url}/reply"
        return self.post(
            {
                "type": "block_actions",
                "user": {"id": user},
                "team": {"id": "T1"},
                "trigger_id": "trg",
                "response_url": reply,
                "actions": [{"action_id": action, "value": value, "action_ts": f"{pressed_at:.6f}"}],
            }
        )

    def send(self, outcome: str, user: str = "UANA", **values: Any) -> httpx.Response:
        metadata = json.dumps({"h": "hnd_maya", "o": outcome, "r": f"{self.workspace.url}/reply"})
        state = {"values": {block.replace("__", "-"): {"value": element} for block, element in values.items()}}
        view = {"callback_id": "dispose", "private_metadata": metadata, "state": state}
        return self.post({"type": "view_submission", "user": {"id": user}, "view": view})

    def replies(self, number: int) -> list[dict[str, Any]]:
        """What was said to the message's own address, once there is so much: it comes after the answer."""
        for _ in range(500):
            if len(self.workspace.of("reply")) >= number:
                break
            time.sleep(0.01)
        return self.workspace.of("reply")


@pytest.fixture
def slack(stage: Any, running: Callable[..., Any], browse: Callable[..., httpx.Client], workspace: Workspace) -> Pressing:
    server = running(stage, settings=SlackSettings(app(workspace)))
    return Pressing(server, browse(server.url), workspace)


def row(slack: Pressing, columns: str, handoff: str = "hnd_maya") -> tuple[Any, ...]:
    with slack.server.store.reading() as conn:
        return tuple(conn.execute(f"SELECT {columns} FROM handoff WHERE id = %s", (handoff,)).fetchone())


def test_only_slacks_signature_opens_the_door(slack: Pressing, server_without: Any) -> None:
    call = {"type": "block_actions"}
    assert slack.post(call, secret="somebodyelses").status_code == 401
    assert slack.post(call, ago=301).status_code == 401
    assert slack.http.post("/hooks/slack", content=b"payload={}").status_code == 401
    hostile = {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=ff"}
    assert slack.http.post("/hooks/slack", content=b"\xff\xfe", headers=hostile).status_code == 401
    assert slack.http.post("/hooks/slack", content=b"x" * 300_000).status_code == 413
    assert server_without.post("/hooks/slack", content=b"").status_code == 404


@pytest.fixture
def server_without(store: Any, running: Callable[..., Any], browse: Callable[..., httpx.Client]) -> httpx.Client:
    return browse(running(store).url)


def test_slacks_own_published_example_is_verified() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA"
        b"&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    then = datetime.fromtimestamp(1531420618, UTC)
    assert verified(Slack("xoxb-test", SECRET), body, headers, then)
    assert not verified(Slack("xoxb-test", SECRET), body + b"&", headers, then)
    assert not verified(Slack("xoxb-test"), body, headers, then)


def test_a_signed_body_that_says_nothing_we_know_does_nothing(slack: Pressing) -> None:
    deep = b"payload=" + b"%5B" * 5000
    for body in (b"", b"payload=", b"payload=[]", b"payload=%7B%7D", deep, b'payload={"type":"view_submission"}'):
        assert read_callback(body) is None
        assert slack.post({}, body=body).status_code == 200


def test_i_called_is_a_touch_and_the_message_becomes_the_state(slack: Pressing) -> None:
    assert slack.press("touch.call").status_code == 200
    assert row(slack, "touched_at IS NOT NULL") == (True,)
    [reply] = slack.replies(1)
    assert reply["replace_original"] in (True, "true")
    assert "called" in json.dumps(reply["blocks"])
    undo = next(e for b in reply["blocks"] if b["type"] == "actions" for e in b["elements"] if e["action_id"] == "undo.touch")
    assert slack.press("undo.touch", undo["value"]).status_code == 200
    assert row(slack, "touched_at") == (None,)


def test_a_press_delivered_twice_is_one_touch_and_so_is_a_slip_of_the_finger(slack: Pressing) -> None:
    at = slack.server.clock() - timedelta(seconds=2)
    for moment in (at, at, at + timedelta(seconds=1)):
        assert slack.press("touch.call", at=moment).status_code == 200
    with slack.server.store.reading() as conn:
        assert conn.execute("SELECT count(*), min(occurred_at) FROM touch WHERE handoff_id = 'hnd_maya'").fetchone() == (1, at)


def test_accepting_twice_is_accepting_once(slack: Pressing) -> None:
    for _ in range(2):
        assert slack.press("accept").status_code == 200
    assert row(slack, "accepted_at IS NOT NULL, touched_at") == (True, None)
    assert len(slack.workspace.of("users.info")) == 1  # Slack is asked only once who somebody is


def test_who_is_nobody_here_or_does_not_own_it_changes_nothing_and_is_told(slack: Pressing) -> None:
    for user, words in (("USTRANGE", "does not know you"), ("UBEN", "is not yours"), ("UNOBODY", "does not know you")):
        before = len(slack.workspace.of("reply"))
        assert slack.press("touch.call", user=user).status_code == 200
        said = slack.replies(before + 1)[-1]
        assert said["response_type"] == "ephemeral"
        assert words in said["text"]
    slack.workspace.answers["users.info"] = (500, {"ok": False}, {})
    before = len(slack.workspace.of("reply"))
    slack.press("touch.call")
    assert "did not say in time who you are" in slack.replies(before + 1)[-1]["text"]
    assert row(slack, "touched_at, revision") == (None, 0)


def test_recycle_opens_a_modal_and_the_modal_recycles(slack: Pressing) -> None:
    assert slack.press("dispose.recycle").status_code == 200
    [opened] = slack.workspace.of("views.open")
    view = opened["view"] if isinstance(opened["view"], dict) else json.loads(opened["view"])
    codes = [o["value"] for o in view["blocks"][0]["element"]["options"]]
    assert codes == ["not_now", "no_budget", "no_reply", "lost_to"]  # the retired one is not offered
    answer = slack.send("recycle", reason={"selected_option": {"value": "not_now"}}, note={"value": None})
    assert answer.json() == {"response_action": "clear"}
    assert row(slack, "outcome, reason") == ("recycle", "not_now")
    assert "undo.disposition" in json.dumps(slack.replies(1)[-1]["blocks"])
    again = slack.send("recycle", reason={"selected_option": {"value": "not_now"}})
    assert again.json() == {"response_action": "clear"}  # sent once more by a nervous finger
    slack.press("undo.disposition")
    assert row(slack, "outcome, closed_at") == (None, None)


def test_what_the_modal_lacks_is_said_at_its_field(slack: Pressing) -> None:
    lost = {"selected_option": {"value": "lost_to"}}
    missing = slack.send("recycle", reason=lost).json()
    assert list(missing["errors"]) == ["answer-lost_to-competitor"]
    other = {"selected_option": {"value": "other"}}
    assert list(slack.send("disqualify", reason=other, note={"value": " "}).json()["errors"]) == ["note"]
    more = {"answer__lost_to__competitor": {"value": "Kestrel"}, "answer__lost_to__contract_ends": {"selected_date": "2027-01-31"}}
    assert slack.send("recycle", reason=lost, **more).json() == {"response_action": "clear"}
    with slack.server.store.reading() as conn:
        stored = conn.execute("SELECT answers FROM disposition WHERE handoff_id = 'hnd_maya'").fetchone()
    assert stored == ({"competitor": "Kestrel", "contract_ends": "2027-01-31T00:00:00"},)


def test_a_meeting_by_modal_keeps_its_time_and_one_in_the_past_is_refused_there(slack: Pressing) -> None:
    past, soon = (int((slack.server.clock() + timedelta(days=d)).timestamp()) for d in (-1, 2))
    wrong = slack.send("meeting_set", meeting_at={"selected_date_time": past}).json()
    assert "not in the future" in wrong["errors"]["meeting_at"]
    assert slack.send("meeting_set", meeting_at={"selected_date_time": soon}).json() == {"response_action": "clear"}
    assert row(slack, "outcome") == ("meeting_set",)


def test_the_answer_comes_though_slack_itself_hangs(slack: Pressing) -> None:
    """The message is changed after the answer: an address that does not answer keeps nobody waiting."""
    slack.workspace.may_reply.clear()
    try:
        assert slack.press("touch.call").status_code == 200
    finally:
        slack.workspace.may_reply.set()
    assert row(slack, "touched_at IS NOT NULL") == (True,)
    assert len(slack.replies(1)) == 1


def test_an_address_that_is_not_slacks_is_never_called(workspace: Workspace) -> None:
    from handfast.connectors.slack import Answers

    elsewhere = Answers(app(workspace, api="https://slack.com/api/"))
    assert not elsewhere.replace(f"{workspace.url}/reply", "x", [])
    assert not elsewhere.replace("file:///etc/passwd", "x", [])
    assert workspace.of("reply") == []


def test_from_the_outbox_to_slack_with_a_link_that_says_where_it_came_from(slack: Pressing) -> None:
    at = slack.server.clock()
    with slack.server.store.writing() as conn:
        payload = json.dumps({"handoff": {"id": "hnd_maya", "next_step": "demo"}, "person": {"id": "per_maya"}, "owner": {"id": "ana"}})
        conn.execute(
            """INSERT INTO outbox (id, handoff_id, kind, channel, recipient, owner_id, payload, created_at, next_at)
               VALUES ('msg_out', 'hnd_maya', 'handoff_opened', 'slack', 'ana', 'ana', %s, %s, %s)""",
            (payload, at, at),
        )
    channel = SlackChannel(app(slack.workspace), BASE)
    assert deliver(slack.server.store, {"slack": channel}, lambda: at) == Delivered(sent=1)
    [posted] = slack.workspace.of("chat.postMessage")
    assert posted["channel"] == "UANA"
    assert "Maya Lindqvist" in json.dumps(posted["blocks"])
    assert "/queue/hnd_maya?via=slack." in json.dumps(posted["blocks"])


def test_who_is_faster_takes_what_was_offered_and_is_told_by_every_way_there_is(slack: Pressing) -> None:
    with slack.server.store.writing() as conn:
        for rep in ("chloe", "ben"):
            conn.execute(
                "INSERT INTO offer (handoff_id, rep_id, timer_id, at) VALUES ('hnd_maya', %s, 'tmr_1', %s)", (rep, slack.server.clock())
            )
    _, blocks = notice_blocks(replace(message("offer"), recipient="ben"), BASE)
    assert [b["action_id"] for b in next(b for b in blocks if b["type"] == "actions")["elements"]] == ["take", "open"]
    assert slack.press("take", user="UBEN").status_code == 200
    assert row(slack, "owner_id") == ("ben",)
    assert "it is yours" in json.dumps(slack.replies(1)[-1]["blocks"])
    slack.press("take", user="UBEN")
    assert "somebody was faster" in slack.replies(2)[-1]["text"]
    with slack.server.store.reading() as conn:
        told = conn.execute("SELECT channel, recipient FROM outbox WHERE kind = 'reassigned' AND handoff_id = 'hnd_maya'").fetchall()
    assert set(told) == {(channel, rep) for channel in ("email", "slack") for rep in ("ana", "ben")}
