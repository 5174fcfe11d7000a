"""Slack: notices with buttons, by its Web API; and what comes back when somebody presses one, by signed callbacks.

Sending uses the official SDK's client; a callback is trusted only after the official SDK's verifier has checked its signature. Who a Slack
user is, is asked of Slack by their mail address. Everything Slack may answer becomes Permanent, Temporary or Elsewhere here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.web.slack_response import SlackResponse
from slack_sdk.webhook import WebhookClient

from handfast.brief.slack import notice_blocks
from handfast.connectors.channel import Elsewhere, Permanent, Temporary
from handfast.problem import Place, Problem
from handfast.sla.notice import Message

API: Final = "https://slack.com/api/"
#: A call of the Web API must end in this time when we send.
SEND_SECONDS: Final = 15
#: And in this while somebody waits for the answer to a button: Slack gives us three seconds, and there may be two calls.
ANSWER_SECONDS: Final = 1
#: Changing the message comes after the answer; nobody waits for it.
REPLY_SECONDS: Final = 10
#: What Slack says of a message or receiver that nothing will change: by its documentation of chat.postMessage.
_PERMANENT: Final = frozenset(
    {
        *("channel_not_found", "is_archived", "not_in_channel", "restricted_action", "user_not_found", "user_disabled", "cannot_dm_bot"),
        *("msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_arguments"),
    }
)
#: A `channel:NAME` of a contract's ladder.
_CHANNEL: Final = "channel:"


@dataclass(frozen=True, slots=True)
class Slack:
    """A workspace's app. `channels` says which Slack channel stands for a receiver that is no rep (`ops`, `marketing`)."""

    token: str = field(repr=False)
    signing_secret: str = field(default="", repr=False)
    channels: Mapping[str, str] = field(default_factory=dict)
    api: str = API


def _is_address(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


def read_slack(token: str, signing_secret: str, channels: Mapping[str, str], api: str = "") -> tuple[Slack | None, list[Problem]]:
    """The app from configuration text."""
    problems = []
    if not token.startswith("xoxb-") or not token.isascii() or any(c.isspace() for c in token):
        fix = "Copy the bot token of the app's page 'OAuth & Permissions'; it begins with xoxb-."
        problems.append(Problem(Place("Slack token"), "it is no bot token", fix))
    if signing_secret and not (signing_secret.isascii() and signing_secret.isalnum()):
        problems.append(Problem(Place("Slack signing secret"), "it is none", "Copy it from the app's page 'Basic Information'."))
    if api and not _is_address(api):
        problems.append(Problem(Place("Slack API"), "it is no http or https URL", f"Leave it out, or write it as {API}."))
    if problems:
        return None, problems
    return Slack(token, signing_secret, dict(channels), (api or API).rstrip("/") + "/"), []


# --- out ----------------------------------------------------------------------------------------------------------


class SlackChannel:
    """Posts notices: to a rep as a direct message, to anybody else in the channel that stands for them."""

    def __init__(self, slack: Slack, base_url: str, *, timeout: int = SEND_SECONDS) -> None:
        self._slack = slack
        self._base_url = base_url
        self._client = _client(slack, timeout)
        #: Mail address → Slack user, for as long as this worker lives.
        self._users: dict[str, str] = {}

    def destination(self, message: Message) -> str:
        return urlsplit(self._slack.api).netloc

    def finish(self) -> None:
        """Nothing is kept open between messages."""

    def send(self, message: Message) -> None:
        """Post it. Raises Permanent for who is not there, Elsewhere for receivers without a channel, Temporary for everything else."""
        text, blocks = notice_blocks(message, self._base_url)
        try:
            self._client.chat_postMessage(
                channel=self._conversation(message),
                text=text,
                blocks=blocks,
                unfurl_links=False,
                unfurl_media=False,
                # The key by which a receiver tells the second copy of a message from the first.
                metadata={"event_type": "handfast_notice", "event_payload": {"id": message.id, "handoff": message.handoff_id or ""}},
            )
        except SlackApiError as error:
            raise _failure(error) from error
        except (OSError, HTTPException, ValueError) as error:
            raise Temporary(f"Slack was not reached: {type(error).__name__}", down=True) from error

    def _conversation(self, message: Message) -> str:
        if message.to is not None:
            return self._user(message.to.email)
        if (named := self._slack.channels.get(message.recipient.removeprefix(_CHANNEL))) is not None:
            return named
        if message.recipient.startswith(_CHANNEL):
            return "#" + message.recipient.removeprefix(_CHANNEL).removeprefix("#")
        raise Elsewhere(f"no Slack channel is named for '{message.recipient}'")

    def _user(self, email: str) -> str:
        if (known := self._users.get(email)) is None:
            known = self._users[email] = str(self._client.users_lookupByEmail(email=email)["user"]["id"])
        return known


def _client(slack: Slack, timeout: int) -> WebClient:
    # The outbox tries again by its own schedule; the client's own retries would hold its batch.
    return WebClient(token=slack.token, base_url=slack.api, timeout=timeout, retry_handlers=[])


def _failure(error: SlackApiError) -> Permanent | Temporary | Elsewhere:
    answer = error.response
    said = str(answer.get("error") or "no reason") if isinstance(answer, SlackResponse | dict) else "no reason"
    if said == "users_not_found":
        return Elsewhere("nobody in Slack has this rep's mail address")
    if said in ("ratelimited", "rate_limited") or getattr(answer, "status_code", 200) == 429:
        return Temporary("Slack asked us to wait", _seconds(getattr(answer, "headers", {})), down=True)
    if said in _PERMANENT:
        return Permanent(f"Slack refused the message: {said}")
    # A revoked token or a missing scope is mended by people, and the messages still go out.
    return Temporary(f"Slack refused us: {said}", down=True)


def _seconds(headers: Mapping[str, str]) -> float | None:
    told = next((str(value) for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return float(told[:9]) if told.isascii() and told.isdigit() else None


# --- back ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button. `at` is when it was pressed; `trigger` opens a modal for three seconds; `reply_to` changes the message for half an hour."""

    user: str
    action: str
    value: str
    at: datetime
    trigger: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A modal that was sent. `values` are its answers by block, texts; `metadata` is what it was opened with."""

    user: str
    callback: str
    metadata: str
    values: Mapping[str, str]


def verified(slack: Slack, body: bytes, headers: Mapping[str, str], at: datetime) -> bool:
    """Whether Slack signed this body within five minutes of `at`, by the SDK's own verifier."""

    class Now(Clock):
        def now(self) -> float:
            return at.timestamp()

    if not slack.signing_secret:
        return False
    try:
        return SignatureVerifier(slack.signing_secret, Now()).is_valid_request(body, dict(headers))
    except (ValueError, TypeError):  # a timestamp that is no number, a body that is no text
        return False


def read_callback(body: bytes) -> Pressed | Submitted | None:
    """What a verified body says; None for what we did not ask for."""
    try:
        payload = orjson.loads(parse_qs(body.decode(), max_num_fields=10)["payload"][0])
        match payload["type"]:
            case "block_actions":
                return _pressed(payload)
            case "view_submission":
                view = payload["view"]
                values = {block: _value(next(iter(inputs.values()), {})) for block, inputs in view["state"]["values"].items()}
                return Submitted(str(payload["user"]["id"]), str(view["callback_id"]), str(view["private_metadata"]), values)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    return None


def _pressed(payload: Mapping[str, Any]) -> Pressed:
    action = payload["actions"][0]
    return Pressed(
        user=str(payload["user"]["id"]),
        action=str(action["action_id"]),
        value=str(action.get("value", "")),
        at=datetime.fromtimestamp(float(action["action_ts"]), UTC),
        trigger=str(payload.get("trigger_id", "")),
        reply_to=str(payload.get("response_url", "")),
    )


def _value(element: Mapping[str, Any]) -> str:
    """What was put into an element, whatever it is."""
    chosen = element.get("selected_option")
    for found in (
        chosen["value"] if chosen else None,
        element.get("value"),
        element.get("selected_date"),
        element.get("selected_date_time"),
    ):
        if found is not None:
            return str(found)
    return ""


class Answers:
    """What is asked of Slack while somebody waits, a second each at most; and what is said after the answer."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._client = _client(slack, ANSWER_SECONDS)

    def email_of(self, user: str) -> str | None:
        """The mail address of a Slack user, "" where they have none; None where Slack did not answer."""
        try:
            found = self._client.users_info(user=user)
        except (SlackApiError, OSError, HTTPException, ValueError):
            return None
        who: Mapping[str, Any] = found.get("user") or {}
        return str((who.get("profile") or {}).get("email") or "")

    def open_modal(self, trigger: str, view: Mapping[str, Any]) -> bool:
        """False where Slack did not open it."""
        try:
            self._client.views_open(trigger_id=trigger, view=dict(view))
        except (SlackApiError, OSError, HTTPException, ValueError):
            return False
        return True

    def replace(self, reply_to: str, text: str, blocks: list[dict[str, Any]]) -> bool:
        """Puts this in place of the message whose button was pressed. Only to Slack's own address, whatever the callback says."""
        return self._reply(reply_to, text=text, blocks=blocks, replace_original=True)

    def whisper(self, reply_to: str, text: str) -> bool:
        """Says it to the one who pressed, alone."""
        return self._reply(reply_to, text=text, replace_original=False, response_type="ephemeral")

    def _reply(self, reply_to: str, **said: Any) -> bool:
        if not _is_address(reply_to):
            return False
        host = urlsplit(reply_to)
        ours = urlsplit(self._slack.api)
        if (host.scheme, host.hostname) not in {("https", "hooks.slack.com"), (ours.scheme, ours.hostname)}:
            return False
        try:
            return WebhookClient(reply_to, timeout=REPLY_SECONDS, retry_handlers=[]).send(**said).status_code == 200
        except (OSError, HTTPException, ValueError):
            return False
