"""kill -9 of worker, server and PostgreSQL, again and again, while requests come in over HTTP and clocks fall due.

`make kill-loop KILLS=100` (`python -m tests.worker.kill_loop [KILLS]`) runs the installed product as it would run, each part a process of its own, and counts at the end
what the outside knows against what the database says. Everything is real: the door, the disk, the network, the clock.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from handfast.desk import contracts, imports
from handfast.desk.intake import ensure_key, record
from handfast.facts import Rep, Signal, signal_id
from handfast.store.base import StorageAway, Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate
from tests.delivery.web_server import Receiver, receiving
from tests.worker.warm import Part

KEY = "hf_00000000000000000000000000000000"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VICTIMS = ("worker", "server", "database")
#: Around the clock, so that it does not depend on when it runs.
CONTRACT = """
contract: Kill loop
calendar: {timezone: UTC, week: {mon-sun: ["00:00-24:00"]}}
fields: {employees: int}
ready:
  fit: {at_least: 10, points: [{when: "employees > 10", points: 10}]}
  intent: {at_least: 10, points: [{on: form_submitted, points: 20}]}
  next_step: [{step: demo, on: form_submitted, when: "form = 'demo'", within: 7 days}]
routing: {default: team, pools: {team: {members: {anna: 1, ben: 2}}}}
sla: [{name: fast, first_touch: 2 minutes, ladder: [{after: 1 minute, remind: owner}, {after: 2 minutes, tell: manager}]}]
dispositions: {recycle: {reasons: {later: {}}}, disqualify: {reasons: {bad: {}}}}
"""
REPS = [
    Rep("mia", "Mia", "mia@k.example"),
    Rep("anna", "Anna", "a@k.example", manager="mia"),
    Rep("ben", "Ben", "b@k.example", manager="mia"),
]


@dataclass(slots=True)
class Counted:
    """What the outside saw, and what the database holds at the end."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    refused: int = 0
    lost: int = 0
    handoffs: int = 0
    due: int = 0
    waiting: int = 0
    notices: int = 0
    undelivered: int = 0
    again: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    #: The longest time from a request that was not taken to its acknowledgement, and how often which part was killed meanwhile.
    shut_seconds: float = 0.0
    shut_meanwhile: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {times}" for name, times in sorted(self.kills.items()))
        return (
            f"{sum(self.kills.values())} kills ({killed}) in {self.seconds:.0f} s: {len(self.acknowledged):,} signals acknowledged"
            f" ({self.refused:,} times refused or cut off meanwhile), {self.lost} lost; {self.handoffs:,} handoffs, {self.due:,} clocks fell due,"
            f" {self.waiting:,} more run on; {self.notices:,} notices, {self.undelivered} undelivered, {self.again} came twice under their key;"
            f" the door was shut for {self.shut_seconds:.0f} s at most, with {self.shut_meanwhile.total()} kills in that time"
        )


class Loop:
    """One installation and its killer."""

    def __init__(
        self, folder: Path, seed: int, *, lease_seconds: float | None = None, moody: float = 0.02, pause: float = 1.0, warm: bool = False
    ) -> None:
        """`lease_seconds`: of the worker, where the product's own minute is too long to wait. `moody`: the share of messages not taken well.

        `pause`: seconds between two requests of each sender. Every signal becomes six messages, and these must all have left at the end.
        `warm`: parts are forked off a process that has their modules (`tests.worker.warm`), instead of each reading them anew.
        """
        self.warm = warm
        self.folder = folder
        self.chance = random.Random(seed)
        self.lease_seconds = lease_seconds
        self.receiver = Receiver(answer=self._answer)
        self.counted = Counted()
        self.stop = threading.Event()
        self.database = Embedded(folder / "data")
        self.url = self.database.start()
        migrate(self.url)
        self.store = Store(self.url, patience_seconds=1)
        self.port = _free_port()
        self._numbers = iter(range(10_000_000))
        self.moody = moody
        #: When nothing was left to do; the parts are stopped after that, and what falls due from then on is nobody's fault.
        self.settled_at = datetime.max.replace(tzinfo=UTC)
        self.pause = pause
        self._answered: set[str] = set()
        self._lock = threading.Lock()
        self.running: dict[str, subprocess.Popen[bytes] | Part] = {}

    def run(self, kills: int, tell: Callable[[str], None]) -> Counted:
        began = time.monotonic()
        at = datetime.now(UTC)
        _, problems = contracts.put_in_force(self.store, CONTRACT, "kill.yaml", at)
        assert not problems, problems
        imports.put_reps(self.store, REPS)
        ensure_key(self.store, KEY, "site", at)
        try:
            with receiving(self.receiver) as receiver:
                self._live(receiver.url, kills, tell)
                self._count()
        finally:
            for process in self.running.values():
                process.kill()
                process.wait()
            self.store.close()
            self.database.stop()
        self.counted.seconds = time.monotonic() - began
        return self.counted

    def _live(self, hook: str, kills: int, tell: Callable[[str], None]) -> None:
        self.environment = {
            **os.environ,
            "HANDFAST_DATABASE_URL": self.url,
            "HANDFAST_DATA_DIR": str(self.folder),
            "HANDFAST_PORT": str(self.port),
            "HANDFAST_WEBHOOK_URL": hook,
            "HANDFAST_WEBHOOK_SECRET": SECRET,
            "HANDFAST_LOG_LEVEL": "error",
        }
        self.running |= {"worker": self._start("work"), "server": self._start("serve")}
        senders = [threading.Thread(target=self._send_by_door), threading.Thread(target=self._send_long_ago)]
        for sender in senders:
            sender.start()
        try:
            self._wait(lambda: bool(self.counted.acknowledged) and bool(self.receiver.posts), 120)
            for number in range(kills):
                self._kill(VICTIMS[number % len(VICTIMS)])
                tell(f"{number + 1} of {kills} kills, {len(self.counted.acknowledged):,} signals acknowledged")
        finally:
            self.stop.set()
            for sender in senders:
                sender.join()
        self._wait(self._settled, 400)
        for process in self.running.values():
            process.terminate()
        for name, process in self.running.items():
            if process.wait(60) != 0:
                self.counted.wrong.append(f"the {name} did not stop cleanly when asked")

    # --- the killer ------------------------------------------------------------------------------------------------

    def _kill(self, victim: str) -> None:
        """Lets everything work for a moment, kills one part, and starts it again: at once, or after a while."""
        before = len(self.counted.acknowledged), len(self.receiver.posts)
        self._wait(lambda: len(self.counted.acknowledged) > before[0] and len(self.receiver.posts) > before[1], 120)
        time.sleep(self.chance.uniform(0.0, 0.6))
        if victim == "database":
            pid = int((self.folder / "data" / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            time.sleep(self.chance.uniform(0.0, 0.5))
            self.database.start()
        else:
            # Killed it may be; by itself it never ends: nobody but an operator would start it again.
            if (code := self.running[victim].poll()) is not None:
                said = (self.folder / "said.log").read_text(errors="replace").strip().splitlines()
                self.counted.wrong.append(f"the {victim} ended by itself with {code}; the last that was said: {said[-3:]}")
            self.running[victim].send_signal(signal.SIGKILL)
            self.running[victim].wait()
            self.running[victim] = self._start({"worker": "work", "server": "serve"}[victim])
        self.counted.kills[victim] += 1

    def _start(self, word: str) -> subprocess.Popen[bytes] | Part:
        if self.warm:
            return Part(word, self.environment, self.folder / "said.log", self.lease_seconds if word == "work" else None)
        command = [sys.executable, "-m", "handfast", word]
        if word == "work" and self.lease_seconds is not None:
            command = [sys.executable, "-m", "tests.worker.short_lease", str(self.lease_seconds)]
        with (self.folder / "said.log").open("ab") as said:
            return subprocess.Popen(command, env=self.environment, cwd=Path(__file__).parents[2], stderr=said)

    # --- those who send --------------------------------------------------------------------------------------------

    def _send_by_door(self) -> None:
        """One request after the other, each sent until it is acknowledged."""
        while not self.stop.is_set():
            numbers = [next(self._numbers) for _ in range(3)]
            events = [
                {
                    "type": "track", "event": "Form Submitted", "messageId": f"door{n}", "properties": {"form": "demo"},
                    "context": {"traits": {"email": f"lead@door{n}.example", "company": {"employees": 50}}},
                }
                for n in numbers
            ]  # fmt: skip
            body = json.dumps({"batch": events}).encode()
            self.counted.sent |= {f"lead@door{n}.example" for n in numbers}
            # Also when everything else has stopped: else nobody could tell whether it was lost. But not for ever.
            began, killed = time.monotonic(), self.counted.kills.copy()
            while not self._posted(body):
                self.counted.refused += 1
                time.sleep(0.05)
                if time.monotonic() > began + 120:
                    self.counted.wrong.append(f"the door stayed shut for two minutes, with {self.counted.kills - killed} meanwhile")
                    return
            if (shut := time.monotonic() - began) > self.counted.shut_seconds:
                self.counted.shut_seconds, self.counted.shut_meanwhile = shut, self.counted.kills - killed
            self.counted.acknowledged |= {f"lead@door{n}.example" for n in numbers}
            time.sleep(self.pause)

    def _posted(self, body: bytes) -> bool:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        key = base64.b64encode(f"{KEY}:".encode()).decode()
        try:
            link.request("POST", "/v1/batch", body, {"content-type": "application/json", "authorization": f"Basic {key}"})
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def _send_long_ago(self) -> None:
        """Straight to the desk, and two minutes old, so that clocks fall due while the kills go on."""
        while not self.stop.is_set():
            n, at = next(self._numbers), datetime.now(UTC) - timedelta(seconds=117)
            email = f"lead@desk{n}.example"
            one = Signal(
                signal_id("desk", f"desk{n}"), "desk", "form_submitted", at, at, email=email, properties={"form": "demo"},
                account={"employees": 50},
            )  # fmt: skip
            self.counted.sent.add(email)
            while True:
                try:
                    record(self.store, "desk", [one], [], at)
                    break
                except StorageAway:
                    self.counted.refused += 1
                    time.sleep(0.05)
            self.counted.acknowledged.add(email)
            time.sleep(self.pause)

    def _answer(self, number: int) -> tuple[int, dict[str, str]] | None:
        """A receiver with moods: of some messages it takes the first copy and hangs up, or says that it did not."""
        post = self.receiver.posts[number]
        mood = random.Random(post.headers["webhook-id"]).random()
        with self._lock:
            first = post.headers["webhook-id"] not in self._answered
            self._answered.add(post.headers["webhook-id"])
        if not first or mood > self.moody:
            return (204, {})
        return None if mood < self.moody / 10 else (500, {})

    # --- what is left ----------------------------------------------------------------------------------------------

    def _settled(self) -> bool:
        try:
            with self.store.reading() as conn:
                row = conn.execute(
                    """SELECT (SELECT count(*) FROM pending) + (SELECT count(*) FROM timer WHERE state = 0 AND due_at < now())
                              + (SELECT count(*) FROM outbox WHERE state = 'waiting'), now()"""
                ).fetchone()
        except StorageAway:
            return False
        assert row is not None
        self.settled_at = row[1]
        return bool(row[0] == 0)

    def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        """Bounded, so that a failure is a failure and not a hang."""
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                raise AssertionError(f"not within {seconds} s: {self.counted}")
            time.sleep(0.05)

    def _count(self) -> None:
        """The outside's book against the database's."""
        said, wrong = self.counted, self.counted.wrong
        with self.store.reading() as conn:
            ask: Callable[[str], list[tuple[Any, ...]]] = lambda query: conn.execute(query).fetchall()  # type: ignore[call-overload]  # noqa: E731
            kept = Counter(row[0] for row in ask("SELECT email FROM signal"))
            owners = ask("SELECT p.email, h.owner_id FROM handoff AS h JOIN person AS p ON p.id = h.person_id")
            timers = ask("SELECT t.action, t.state, greatest(c.due_at, t.due_at) FROM timer AS t JOIN clock AS c ON c.id = t.clock_id")
            events = Counter(row[0] for row in ask("SELECT name FROM event"))
            outbox = ask("SELECT id, state, channel FROM outbox")
            turns = ask("SELECT sum(turns) FROM rotation")[0][0]
            clocks = ask("SELECT (SELECT count(*) FROM clock), (SELECT count(*) FROM clock WHERE breached_at IS NOT NULL)")[0]
        said.lost = len(said.acknowledged - kept.keys())
        said.handoffs = len(owners)
        fired = Counter(action for action, state, _ in timers if state == 1)
        said.due, said.waiting = fired["breach"], clocks[0] - fired["breach"]
        taken = Counter(post.headers["webhook-id"] for post in self.receiver.posts)
        keys = {row[0] for row in outbox if row[2] == "webhook"}
        said.notices = len(outbox)
        said.again = sum(taken.values()) - len(taken)
        said.undelivered = len(keys - taken.keys()) + sum(1 for row in outbox if row[1] != "sent")
        mails = len(list((self.folder / "outgoing").glob("*.eml")))
        expectations = {
            "a signal is recorded twice": max(kept.values()) == 1,
            "a signal is recorded that nobody sent": kept.keys() <= said.sent,
            "not one handoff for each company": sorted(row[0] for row in owners) == sorted(kept),
            "a handoff has no owner": all(row[1] is not None for row in owners),
            "a handoff took no turn, or two": turns == len(owners),
            "not one clock for each handoff": clocks == (len(owners), fired["breach"]),
            "not three steps for each clock": len(timers) == 3 * len(owners),
            "a step that was due did not fire": all(state == 1 for _, state, due in timers if due < self.settled_at),
            "a breach was told twice or never": events["breached"] == fired["breach"],
            "a reminder was told twice or never": events["reminded"] == fired["remind"],
            "a manager was told twice or never": events["manager_told"] == fired["tell"],
            "a notice lacks": len(outbox) == 2 * (len(owners) + fired["remind"] + fired["tell"]),
            "the endpoint has what was never written": taken.keys() <= keys,
            "a mail lacks": mails == sum(1 for row in outbox if row[2] == "email"),
            "a key said two things": len({(post.headers["webhook-id"], post.body) for post in self.receiver.posts}) == len(taken),
            "signals were lost": said.lost == 0,
            "notices were not delivered": said.undelivered == 0,
        }
        wrong += [what for what, holds in expectations.items() if not holds]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def main() -> int:
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        counted = Loop(Path(folder), seed=7).run(kills, lambda line: print(f"\r\033[K{line}" if sys.stdout.isatty() else line, flush=True))
    print(counted)
    for what in counted.wrong:
        print(f"WRONG: {what}")
    return 1 if counted.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
