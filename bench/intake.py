"""The intake door, HTTP → committed: `python -m bench.intake [--events 40000] [--batch 500] [--senders 4] [--gzip]`.

One server process (uvicorn, the application as it is served) and one embedded PostgreSQL with every safety on, in a temporary folder; the
senders are threads of this process, on the same machine, with bodies made beforehand. A request counts once its 200 is read, that is after
its commit. Beside it, in the same run, the floor: the same signals, parsed beforehand, appended by COPY to the same table in transactions
of the same size, without HTTP, JSON, duplicates or lanes.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import http.client
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson

from handfast.connectors.segment import Document, Refusal, decode, read
from handfast.desk.intake import ensure_key
from handfast.facts import Signal
from handfast.store.base import Store
from handfast.store.embedded import Embedded
from handfast.store.migrate import migrate

KEY = "hf_benchmark"
ROUNDS = 3


def event(chance: random.Random, number: int) -> dict[str, Any]:
    """A plausible one: mostly page views with what a browser sends, some identifications and forms. About 650 bytes."""
    who = chance.randrange(20_000)
    page = {"path": f"/p/{who % 40}", "title": "Pricing", "url": f"https://www.acme.example/p/{who % 40}", "referrer": "", "search": ""}
    common = {
        "messageId": str(uuid.UUID(int=chance.getrandbits(128))),
        "timestamp": datetime.now(UTC).isoformat(),
        "userId": f"u{who}",
        "anonymousId": f"a{who}",
        "integrations": {},
        "context": {
            "library": {"name": "analytics.js", "version": "next-1.84.3"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
            "page": page,
            "campaign": {"source": "google", "medium": "cpc", "name": "q4"},
        },
    }
    email = f"person{who}@firm{who % 4000}.example"
    if number % 20 == 0:
        return common | {
            "type": "identify",
            "traits": {"email": email, "firstName": "Pat", "jobTitle": "VP", "company": {"employees": "420"}},
        }
    if number % 20 == 1:
        form = (
            "demo" if number % 200 == 1 else "whitepaper"
        )  # one visit in a thousand asks for something, most who fill in a form only read
        return common | {"type": "track", "event": "Form Submitted", "properties": {"form": form, "email": email, "company": "Acme"}}
    return common | {"type": "page", "name": "Pricing", "properties": page}


def bodies(chance: random.Random, events: int, batch: int, *, zipped: bool) -> list[bytes]:
    made = []
    for _ in range(events // batch):
        sent = {"batch": [event(chance, n) for n in range(batch)], "sentAt": datetime.now(UTC).isoformat()}
        body = orjson.dumps(sent)
        made.append(gzip.compress(body, 6) if zipped else body)
    return made


def send(address: tuple[str, int], mine: Sequence[bytes], took: list[float]) -> None:
    conn = http.client.HTTPConnection(*address)
    headers = {"Authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode(), "Content-Type": "application/json"}
    for body in mine:
        start = time.perf_counter()
        conn.request("POST", "/v1/batch", body, headers)
        answer = conn.getresponse()
        said = answer.read()
        took.append(time.perf_counter() - start)
        assert (answer.status, said) == (200, b'{"success":true}'), (answer.status, said)
    conn.close()


def door_round(address: tuple[str, int], all_bodies: list[bytes], senders: int) -> tuple[float, list[float]]:
    """Seconds for all, and the seconds of each request."""
    took: list[float] = []
    threads = [threading.Thread(target=send, args=(address, all_bodies[n::senders], took)) for n in range(senders)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start, took


def floor_round(store: Store, batches: list[list[Signal]]) -> float:
    start = time.perf_counter()
    for batch in batches:
        with store.writing() as conn, conn.cursor() as cursor:
            names = "lane, id, source, kind, occurred_at, received_at, who, email, user_id, anonymous_id, properties, person, account"
            with cursor.copy(f"COPY signal ({names}) FROM STDIN") as copy:
                for s in batch:
                    said = [orjson.dumps(x).decode() if x else "{}" for x in (s.properties, s.person, s.account)]
                    copy.write_row(
                        (
                            0,
                            s.id,
                            s.source,
                            s.kind,
                            s.occurred_at,
                            s.received_at,
                            f"user:{s.user_id}",
                            s.email,
                            s.user_id,
                            s.anonymous_id,
                            *said,
                        )
                    )
    return time.perf_counter() - start


def signals_of(body: bytes) -> list[Signal]:
    document = decode(body)
    assert isinstance(document, Document)
    done = read(document, "batch", "floor", datetime.now(UTC))
    assert not isinstance(done, Refusal)
    return done[0]


def serve(url: str, port: int) -> None:
    """The child: the application on this database, until it is ended."""
    import uvicorn

    from handfast.web.app import create_app

    app = create_app(Store(url), SimpleNamespace(public_url=f"http://127.0.0.1:{port}"), clock=lambda: datetime.now(UTC))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(address: tuple[str, int], child: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert child.poll() is None, "the server ended"
        try:
            socket.create_connection(address, 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not start within 30 s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--gzip", action="store_true", help="bodies as RudderStack's libraries send them")
    parser.add_argument("--serve", nargs=2, metavar=("URL", "PORT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve[0], int(asked.serve[1]))
        return
    with tempfile.TemporaryDirectory(prefix="handfast-bench-") as folder, Embedded(Path(folder)) as url:
        migrate(url)
        with Store(url) as store:
            ensure_key(store, KEY, "bench", datetime.now(UTC))
            measure(asked, store, url)


def measure(asked: argparse.Namespace, store: Store, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    child = subprocess.Popen([sys.executable, "-m", "bench.intake", "--serve", url, str(port)])
    try:
        wait_for(("127.0.0.1", port), child)
        chance = random.Random(1)
        door_round(("127.0.0.1", port), bodies(chance, 10 * asked.batch, asked.batch, zipped=asked.gzip), asked.senders)
        door, floor, cpu, requests = [], [], [], []
        for _ in range(ROUNDS):
            made = bodies(chance, asked.events, asked.batch, zipped=asked.gzip)
            before = processor_seconds(child.pid)
            seconds, took = door_round(("127.0.0.1", port), made, asked.senders)
            events = len(made) * asked.batch
            cpu.append((processor_seconds(child.pid) - before) / events * 1e6)
            door.append(events / seconds)
            requests += took
            batches = [signals_of(body) for body in bodies(chance, asked.events, asked.batch, zipped=False)]
            floor.append(events / floor_round(store, batches))
        check(store, (ROUNDS * (asked.events // asked.batch) + 10) * asked.batch)
    finally:
        child.terminate()
        child.wait(20)
    requests.sort()
    print(f"door, HTTP to committed   {statistics.median(door):10,.0f} events/s   (rounds: {', '.join(f'{x:,.0f}' for x in door)})")
    print(
        f"  a request of {asked.batch:<5}      {requests[len(requests) // 2] * 1e3:10.1f} ms median, {requests[int(len(requests) * 0.99)] * 1e3:.1f} ms p99"
    )
    print(f"  server process          {statistics.median(cpu):10.1f} µs of processor time an event")
    print(f"floor, bare COPY          {statistics.median(floor):10,.0f} events/s")
    print(f"ratio door to floor       {statistics.median(door) / statistics.median(floor):10.2f}")


def check(store: Store, sent: int) -> None:
    """What was acknowledged is there, each on its lane: a figure for lost events would be worth nothing."""
    with store.reading() as conn:
        found = conn.execute("SELECT count(*) FROM signal WHERE source = 'bench'").fetchone()
        waiting = conn.execute("SELECT count(*) FROM pending").fetchone()
    assert found == waiting == (sent,), (found, waiting, sent)


if __name__ == "__main__":
    main()
