"""`handfast why ID`: every decision with its working."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
from rich.text import Text

from handfast.cli.opened import complain, opened
from handfast.cli.plain import plain
from handfast.numbers import percent, points, signed
from handfast.problem import Place, Problem

#: A text and its style.
Part = tuple[str, str]
_MARKS: dict[str, Part] = {"met": ("✓", "green"), "not_met": ("✗", "red"), "unknown": ("?", "yellow")}
#: Of what would speak against somebody it is good that it is not so.
_TURNED = {"met": "not_met", "not_met": "met"}


@click.command("why")
@click.argument("key", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The whole story as JSON.")
def command(key: str, as_json: bool) -> None:
    """Every decision about a person, account or handoff.

    ID is an id (hnd_…, per_…, acc_…), an e-mail address, a user id or a domain.
    """
    from handfast.desk.contracts import none_agreed
    from handfast.desk.why import why

    with opened() as house:
        story = why(house.store, key, datetime.now(UTC))
        fix = "Give an id as the pages show it, an e-mail address or a domain."
        if story is None and none_agreed(house.store):
            fix = "No contract is in force yet, so signals wait unread: handfast contract load FILE."
    if story is None:
        complain([Problem(Place(key), "nothing is known by this id", fix)])
        return
    if as_json:
        import orjson

        click.echo(orjson.dumps(story, default=str, option=orjson.OPT_INDENT_2).decode())
        return
    _Teller().tell(story)


class _Teller:
    """Prints a story for people."""

    def __init__(self) -> None:
        from rich.console import Console

        self.out = Console(highlight=False, markup=False, soft_wrap=True)

    def tell(self, story: dict[str, Any]) -> None:
        {"person": self.person, "account": self.account, "handoff": self.handoff}[story["is"]](story)

    def line(self, text: str | Part, indent: int = 0, *more: str | Part) -> None:
        """One line, of parts with a style each where they have one. What comes from outside is shown and never obeyed."""
        parts = [(plain(part), "") if isinstance(part, str) else (plain(part[0]), part[1]) for part in (text, *more)]
        self.out.print(Text.assemble(" " * indent, *parts))

    def head(self, text: str) -> None:
        self.out.print()
        self.line((text, "bold"))

    def person(self, p: dict[str, Any]) -> None:
        self.line((p["name"] or p["email"] or p["id"], "bold"), 0, f"  {p['id']}")
        keys = f"known by {len(p['keys'])} key{'' if len(p['keys']) == 1 else 's'}"
        self.line(f"{p['email'] or 'no address'} · {p['account'] or p['domain'] or 'no account'} · {keys}")
        for m in p["matches"][:1]:
            said = f"{m['account'] or 'none'} by {m['code']}, {m['probability']:.2f}, {_time(m['at'])}, by {m['by']}"
            self.line(f"account {m['state']}: {said}", 2)
            for because in m["working"].get("because", ()):
                self.line(because, 4)
        if (standing := p.get("standing")) is not None:
            self.head(f"Standing at {_time(standing['at'])}, contract v{standing['contract_version']}")
            self.working(standing["working"])
            self.history(standing["history"])
        else:
            self.line("No verdict yet: nothing this person did is listened to by the contract.")
        self.head(f"Verdicts that changed something: {len(p['verdicts'])}")
        for v in p["verdicts"][-10:]:
            self.line(f"{_time(v['at'])}  {v['outcome'].replace('_', ' '):8} {v['working'].get('sentence', '')}", 2)
        self.handoffs(p["handoffs"])

    def account(self, a: dict[str, Any]) -> None:
        self.line((a["name"] or a["domain"] or a["key"], "bold"), 0, f"  {a['id']}  owner: {a['owner'] or 'nobody'}")
        self.head(f"People: {len(a['people'])}")
        for p in a["people"]:
            said = f"{p['outcome'].replace('_', ' ')}, fit {p['fit']}, intent {points(p['intent'] / 1e6)}" if p["outcome"] else "no verdict"
            self.line(f"{p['name'] or p['email'] or p['id']:32} {said}", 2)
        if (group := a.get("group")) is not None:
            self.head(f"The buying group at {_time(group['at'])}, contract v{group['contract_version']}")
            self.group(group["working"], {p["id"]: p["name"] or p["email"] or p["id"] for p in a["people"]})
        self.handoffs(a["handoffs"])

    def group(self, working: dict[str, Any], names: dict[str, str]) -> None:
        """Each part with who it rests on, then everybody in it: confirmed, potential or excluded."""
        self.line(working["sentence"], 2)
        if "override" in working:
            self.line(working["override"]["sentence"], 2)
        for c in working["criteria"]:
            by = ", ".join(names.get(one, one) for one in c["members"])
            self.line(_MARKS[c["state"]], 2, f" {c['part'].replace('_', ' '):10} {c['sentence']}", (f" {by}" if by else "", "dim"))
        for one in working["members"]:
            roles = ", ".join(name for name, state in one["roles"].items() if state == "met")
            said = (
                f"{one['standing']:10} {names.get(one['person_id'], one['person_id']):28} intent {points(one['intent_millionths'] / 1e6)}"
            )
            self.line(said + (f", {roles}" if roles else "") + ("" if one["active"] else ", not active"), 4)
        for missing in working["missing"]:
            self.line(("missing:", "yellow"), 2, f" {missing}")

    def handoffs(self, found: list[dict[str, Any]]) -> None:
        self.head(f"Handoffs: {len(found)}")
        for h in found:
            ended = f"{h['outcome'].replace('_', ' ')} {h['reason'] or ''}" if h["closed_at"] else "open"
            self.line(f"{h['id']}  {_time(h['opened_at'])}  {h['next_step']:10} {h['owner'] or 'nobody':20} {ended}", 2)

    def handoff(self, h: dict[str, Any]) -> None:
        self.line((h["person"], "bold"), 0, f" {('at ' + h['account']) if h['account'] else ''}  {h['id']}")
        self.line(f"opened {_time(h['opened_at'])} for '{h['next_step']}' under contract v{h['contract_version']}; source {h['source']}")
        self.head("Why ready")
        self.working(h["verdict"]["working"])
        if (group := h["verdict"]["working"].get("group")) is not None:
            self.head("The buying group")
            self.group(group, {p["id"]: p["name"] for p in h["people"]})
        for leg in h["legs"]:
            self.head(f"Leg {leg['leg']}: {leg['owner'] or 'the exception queue'}, by {leg['rule'].replace('_', ' ')}, {_time(leg['at'])}")
            if leg["owner"]:
                said = f"held for {_length(leg['held_seconds'])}, of which {_length(leg['worked_seconds'])} in the owner's hours"
                self.line(said + ", until the first touch, another owner or the end", 2)
            for rung in leg["working"]:
                self.line(f"{rung['rung']:14} {rung['because']}", 2)
                for skipped in rung.get("skipped", ()):
                    self.line((f"skipped ({skipped['reason']}): {skipped['because']}", "dim"), 17)
        if (cover := h["cover"]) is not None:
            how = {None: "", "handed_back": ", went back to them", "stays": ", stays where it is", "moved_on": ""}[cover["how"]]
            until = f" until {_time(cover['ended_at'])}" if cover["ended_at"] else ""
            self.line(f"held for {cover['owner']} ({cover['reason']}) since {_time(cover['since'])}{until}{how}", 2)
        for d in h["disputes"]:
            self.head(f"Dispute about {d['about']}, {d['state']}")
            self.line(f"{_time(d['opened_at'])}  {d['side']}, {d['by']}: {d['reason']}", 2)
            if d["decided_at"]:
                self.line(f"{_time(d['decided_at'])}  {d['decided_by']}: {d['finding']}", 2)
        for c in h["clocks"]:
            kept = "" if c["current"] else ", another promise has taken its place"
            self.head(f"Clock: {c['kind'].replace('_', ' ')}, {c['sla'].replace('_', ' ')}{kept}")
            self.line(c["explained"], 2)
            runs = "standing still" if c["paused_at"] else "running"
            how = f"stopped {_time(c['stopped_at'])} by {c['stopped_by']}" if c["stopped_at"] else runs
            self.line(how + (f"; breach noticed {_time(c['breached_at'])}" if c["breached_at"] else ""), 2)
            for t in (t for t in h["timers"] if t["clock_id"] == c["id"]):
                state = ("waiting", "done", "not owed any more", "standing still")[t["state"]]
                self.line(f"{_time(t['due_at'])}  {t['action'].replace('_', ' ')} {t['target']}: {state}", 4)
        self.follow_up(h["follow_up"])
        self.delays(h["delays"])
        self.head("What happened")
        for e in h["events"]:
            self.line(f"{_time(e['at'])}  {e['name'].replace('_', ' '):18} {e['rep'] or ''}", 2)
        self.head(f"Messages: {len(h['messages'])}")
        for m in h["messages"]:
            self.line(f"{_time(m['created_at'])}  {m['kind']:16} {m['channel']:8} to {m['recipient']:12} {m['state']} {m['why'] or ''}", 2)

    def follow_up(self, course: dict[str, Any] | None) -> None:
        if course is None:
            return
        next_one = f"the next step falls due {_time(course['falls_due_at'])}" if course["falls_due_at"] else "the first touch begins it"
        ended = f"ended {_time(course['ended_at'])}: {course['ended_why'].replace('_', ' ')}" if course["ended_at"] else next_one
        self.head("Follow-up")
        self.line(f"{course['made']} steps made; {ended}", 2)

    def delays(self, spent: dict[str, Any] | None) -> None:
        """Where the time went, the parts and the whole."""
        if spent is None or not spent["seconds"]:
            return
        self.head(f"Where the time went: {_length(spent['seconds'])} in all")
        for party, seconds in spent["parts"].items():
            if seconds:
                self.line(f"{party.replace('_', ' '):10} {_length(seconds):>10}  {percent(seconds / spent['seconds'], 1):>6}", 2)

    def history(self, moments: list[dict[str, Any]]) -> None:
        """What moved the score, the latest moments."""
        moved = [one for one in moments if one["gained"] or one["changed"]]
        self.head(f"What moved the score: {len(moved)} moment{'' if len(moved) == 1 else 's'}")
        for one in moved[-10:]:
            by = ", ".join(f"{rule['because'] or rule['when'] or 'any'} {signed(rule['millionths'] / 1e6, 2)}" for rule in one["moved"])
            faded = f", {signed(-one['faded'] / 1e6, 2)} faded" if one["faded"] else ""
            score = f"fit {one['fit']}, intent {points(one['intent_millionths'] / 1e6)}"
            self.line(f"{_time(one['at'])}  {one['outcome'].replace('_', ' '):8} {score}  {by or 'nothing scored'}{faded}", 2)

    def working(self, working: dict[str, Any]) -> None:
        self.line(working["sentence"], 2)
        for c in working["criteria"]:
            state = _TURNED.get(c["state"], c["state"]) if c["part"] in ("never", "exclude") else c["state"]
            self.line(_MARKS[state], 2, f" {c['part'].replace('_', ' '):10} {c['sentence']}")
        for missing in working["missing"]:
            self.line(("missing:", "yellow"), 2, f" {missing}")
        if (change := working.get("change")) is not None:
            self.line(("smallest change:", "yellow"), 2, f" {change['sentence']}")


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"


def _length(seconds: float) -> str:
    """`2 d 3 h`, `1 h 5 min`, `12 min`, `40 s`."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
