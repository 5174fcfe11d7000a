"""Notices as Slack blocks, and the modal in which a disposition is given.

Everything from outside stands in `rich_text` elements or `plain_text` objects, which Slack shows as they are: a name that looks like a
mention, a link or bold text is only a name. The one parsed text, the fallback of a notification, is escaped. Ids travel in buttons;
what a person is called never does.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from handfast.brief.letter import Facts, facts_of, line_of, link_of, words_of
from handfast.brief.render import told
from handfast.brief.words import clean, plain
from handfast.contract.terms import FieldType, Reason
from handfast.facts import Outcome, utc
from handfast.sla.notice import DIGEST, Message

Block = dict[str, Any]

#: Slack's limits, from its documentation: characters of a header, of a button, of an option; options of a menu; blocks of a modal.
HEADER: Final = 150
BUTTON: Final = 75
OPTION: Final = 75
OPTIONS: Final = 100
LABEL: Final = 2000
MODAL_BLOCKS: Final = 100
#: Longest text of one part; a message of more than about 13,000 characters is refused as a whole.
TEXT: Final = 600
#: Lines shown of a part of the brief, and notices listed of a digest.
LINES: Final = 3
LISTED: Final = 40

#: Kinds whose receiver is asked to act, with buttons.
_ACTS: Final = frozenset({"handoff_opened", "reassigned", "reminder", "joined", "clock", "task"})
_ASKED_TO_ACCEPT: Final = frozenset({"handoff_opened", "reassigned"})
_SHOWN: Final[tuple[tuple[str, str], ...]] = (
    ("why_ready", "Why ready"),
    ("why_now", "Why now"),
    ("opportunity", "Open opportunity"),
    ("before", "Before"),
    ("reach", "Reach"),
    ("missing", "Missing"),
)


def escaped(text: str) -> str:
    """Text for the one place Slack parses: `&`, `<` and `>` are what mentions and links are made of."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- a notice -----------------------------------------------------------------------------------------------------


def notice_blocks(message: Message, base_url: str) -> tuple[str, list[Block]]:
    """The fallback text and the blocks of a notice."""
    if message.kind == DIGEST:
        return _digest(message, base_url)
    facts = facts_of(message)
    words = words_of(message, facts)
    brief = message.brief if words.brief else None
    blocks = [_header(words.heading if not brief else _headline(brief, words.heading)), _first(message, facts, words.sentences, brief)]
    if brief is not None:
        blocks += _of_brief(brief, message.to.time_zone if message.to else "UTC")
    blocks.append({"type": "actions", "block_id": f"h.{message.handoff_id or 'none'}", "elements": _buttons(message, facts, base_url)})
    if facts.why and message.kind == "handoff_opened":
        blocks.append({"type": "context", "elements": [_plain(f"Why you: {facts.why}", TEXT)]})
    return escaped(clean(words.subject, TEXT)), blocks


def _first(message: Message, facts: Facts, sentences: Sequence[str], brief: Mapping[str, Any] | None) -> Block:
    """The deadline, the sentences, and what they asked in their own words."""
    parts: list[Block] = []
    due = (message.payload.get("handoff") or {}).get("due_at")
    if facts.standing:
        parts.append(_text(facts.standing + "\n", bold=True))
    elif due and facts.deadline:
        moment = utc(datetime.fromisoformat(due))
        said = f"{facts.owed} was due " if facts.overdue else f"{facts.owed} by "
        date = {"type": "date", "timestamp": int(moment.timestamp()), "format": "{date_short_pretty} {time}", "fallback": facts.due}
        parts += [_text(said, bold=True), date, _text("\n")]
    parts += [_text(clean(one, TEXT) + "\n") for one in sentences if one]
    elements = [{"type": "rich_text_section", "elements": parts or [_text(facts.party)]}]
    if asked := clean(((brief or {}).get("asked") or {}).get("text"), TEXT):
        elements.append({"type": "rich_text_quote", "elements": [_text(asked)]})
    return {"type": "rich_text", "elements": elements}


def _of_brief(brief: Mapping[str, Any], zone: str) -> list[Block]:
    blocks = []
    for name, heading in (("opener", "Open with"), ("action", "Do next")):
        if text := clean((brief.get(name) or {}).get("text"), TEXT):
            blocks.append(_section(heading, [text]))
            break
    for name, heading in _SHOWN:
        if lines := [clean(told(heading, {"text": line.get("text")}, zone), TEXT) for line in (brief.get(name) or [])[:LINES]]:
            blocks.append(_section(heading, lines))
    return blocks


def _section(heading: str, lines: Sequence[str]) -> Block:
    head: Block = {
        "type": "rich_text_section",
        "elements": [_text(f"{heading}  ", bold=True), *([_text(lines[0])] if len(lines) == 1 else [])],
    }
    if len(lines) == 1:
        return {"type": "rich_text", "elements": [head]}
    items = [{"type": "rich_text_section", "elements": [_text(line)]} for line in lines]
    return {"type": "rich_text", "elements": [head, {"type": "rich_text_list", "style": "bullet", "elements": items}]}


def _headline(brief: Mapping[str, Any], otherwise: str) -> str:
    return clean((brief.get("headline") or {}).get("text")) or otherwise


def _digest(message: Message, base_url: str) -> tuple[str, list[Block]]:
    said = f"{len(message.parts)} notices came in a short time"
    shown = message.parts[:LISTED]
    items = [{"type": "rich_text_section", "elements": [_link(line_of(part), link_of(part, base_url))]} for part in shown]
    blocks: list[Block] = [
        _header(said),
        {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": items}]},
    ]
    if more := len(message.parts) - len(shown):
        blocks.append({"type": "context", "elements": [_plain(f"And {more} more: they are in your queue.", TEXT)]})
    return escaped(f"{said}, the first: {clean(line_of(message.parts[0]), TEXT)}"), blocks


# --- buttons ------------------------------------------------------------------------------------------------------


def _buttons(message: Message, facts: Facts, base_url: str) -> list[Block]:
    ident = message.handoff_id
    if ident is not None and message.kind == "offer":
        return [_button("take", "Take it", ident, style="primary"), _open(message, base_url)]
    if ident is None or message.kind not in _ACTS or not facts.to_owner:
        return [_open(message, base_url)]
    accept = message.kind in _ASKED_TO_ACCEPT or facts.clock == "accept"
    first = [_button("accept", "Accept", ident, style="primary")] if accept else []
    return [*first, *_touch_buttons(ident, primary=not accept), *_outcome_buttons(ident), _open(message, base_url)]


def _touch_buttons(ident: str, *, primary: bool) -> list[Block]:
    return [_button("touch.call", "I called", ident, style="primary" if primary else None), _button("touch.email", "I e-mailed", ident)]


def _outcome_buttons(ident: str) -> list[Block]:
    return [
        _button(f"dispose.{outcome}", _OUTCOMES[outcome], ident) for outcome in (Outcome.MEETING_SET, Outcome.RECYCLE, Outcome.DISQUALIFY)
    ]


_OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.CONNECTED: "Connected",
    Outcome.MEETING_SET: "Meeting set",
    Outcome.RECYCLE: "Recycle",
    Outcome.DISQUALIFY: "Disqualify",
}


def _open(message: Message, base_url: str) -> Block:
    return {**_button("open", "Open it", message.handoff_id or "none"), "url": link_of(message, base_url)}


def _button(action: str, label: str, value: str, *, style: str | None = None) -> Block:
    button: Block = {"type": "button", "action_id": action, "text": _plain(label, BUTTON), "value": value}
    return button | ({"style": style} if style else {})


# --- what the message becomes -------------------------------------------------------------------------------------


def settled_blocks(
    *, handoff_id: str, who: str, said: str, base_url: str, undo: tuple[str, str] | None = None, closed: bool = False
) -> tuple[str, list[Block]]:
    """What stands in place of the notice once its reader acted: what was done, and what may follow. The message is the state.

    Args:
        undo: the action and the value of the button that takes it back; None: it cannot be.
    """
    blocks: list[Block] = [
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [_text(clean(who, TEXT), bold=True), _text(f"  {said}")]}],
        }
    ]
    buttons = []
    if not closed:
        buttons += [_button("dispose.connected", _OUTCOMES[Outcome.CONNECTED], handoff_id), *_outcome_buttons(handoff_id)]
    if undo is not None:
        buttons.append(_button(undo[0], "Undo", undo[1]))
    link = f"{base_url.rstrip('/')}/handoffs/{handoff_id}"
    buttons.append({**_button("open", "Open it", handoff_id), "url": link})
    blocks.append({"type": "actions", "block_id": f"h.{handoff_id}", "elements": buttons})
    return escaped(f"{clean(who, TEXT)}: {said}"), blocks


# --- the modal ----------------------------------------------------------------------------------------------------


def disposition_modal(
    outcome: Outcome, reasons: Mapping[str, Reason], needs_note: Container[str], metadata: str, *, time_required: bool = False
) -> Block:
    """The modal in which an outcome is given: its reason, a note, and what the reasons ask for; or the time of a meeting.

    Args:
        reasons: those that may be chosen; none for a meeting.
        needs_note: the codes that ask for a note.
        metadata: comes back with the answer; at most 3,000 characters.
        time_required: whether a meeting must have its time.
    """
    blocks = _meeting_input(time_required) if outcome is Outcome.MEETING_SET else _reason_inputs(reasons, needs_note)
    title = _OUTCOMES[outcome]
    return {
        "type": "modal",
        "callback_id": "dispose",
        "private_metadata": metadata,
        "title": _plain(title, 24),
        "submit": _plain("Save", 24),
        "close": _plain("Cancel", 24),
        "blocks": blocks[:MODAL_BLOCKS],
    }


def _meeting_input(required: bool) -> list[Block]:
    element = {"type": "datetimepicker", "action_id": "value"}
    return [_input("meeting_at", "When it takes place", element, optional=not required)]


def _reason_inputs(reasons: Mapping[str, Reason], needs_note: Container[str]) -> list[Block]:
    options = [{"text": _plain(reason.label or plain(code), OPTION), "value": code} for code, reason in reasons.items()][:OPTIONS]
    choice = {"type": "static_select", "action_id": "value", "options": options}
    needy = [reason.label or plain(code) for code, reason in reasons.items() if code in needs_note]
    label = f"Note (needed for: {', '.join(needy)})" if needy else "Note"
    note = {"type": "plain_text_input", "action_id": "value", "multiline": True, "max_length": 2000}
    blocks = [_input("reason", "Because", choice), _input("note", label, note, optional=True)]
    for code, reason in reasons.items():
        for name, kind in reason.asks.items():
            label = f"{plain(name).capitalize()} (for: {reason.label or plain(code)})"
            blocks.append(_input(f"answer-{code}-{name}", label, _element(kind), optional=True))
    return blocks


def _element(kind: FieldType) -> Block:
    match kind:
        case "time":
            return {"type": "datepicker", "action_id": "value"}
        case "int" | "number":
            return {"type": "number_input", "action_id": "value", "is_decimal_allowed": kind == "number"}
        case "bool":
            options = [{"text": _plain(word.capitalize(), OPTION), "value": word} for word in ("yes", "no")]
            return {"type": "static_select", "action_id": "value", "options": options}
        case "text":
            return {"type": "plain_text_input", "action_id": "value", "max_length": 500}


def _input(block: str, label: str, element: Block, *, optional: bool = False) -> Block:
    return {"type": "input", "block_id": block, "label": _plain(label, LABEL), "element": element, "optional": optional}


# --- objects ------------------------------------------------------------------------------------------------------


def _header(text: str) -> Block:
    return {"type": "header", "text": _plain(text, HEADER)}


def _plain(text: str, longest: int) -> Block:
    return {"type": "plain_text", "text": clean(text, longest) or "-", "emoji": False}


def _text(text: str, *, bold: bool = False) -> Block:
    element: Block = {"type": "text", "text": text or "-"}
    return element | ({"style": {"bold": True}} if bold else {})


def _link(text: str, url: str) -> Block:
    return {"type": "link", "url": url, "text": clean(text, TEXT) or url}


__all__ = ["disposition_modal", "escaped", "notice_blocks", "settled_blocks"]
