"""The disk is full: what is not recorded is not acknowledged, whoever watches is told, and with room again it goes on by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from handfast.desk import doctor
from handfast.desk.doctor import Visit

from .kill_loop import CONTRACT, KEY
from .test_up import free_port

#: A new data directory takes 32 MB of it.
SIZE = "192m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, which only an administrator may make."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "none", str(folder)], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no `mount` on this machine, so a full disk cannot be tried")
    if made.returncode != 0:
        pytest.skip("this machine does not let us mount a file system, so a full disk cannot be tried")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Installation:
    """`handfast up` on that disk, and what the outside knows."""

    def __init__(self, disk: Path, folder: Path) -> None:
        self.disk, self.data, self.port = disk, disk / "data", free_port()
        self.log = folder / "up.log"
        self.acknowledged: set[str] = set()
        self.sent = 0
        (folder / "contract.yaml").write_text(CONTRACT)
        told = {"DATA_DIR": self.data, "PORT": self.port, "CONTRACT": folder / "contract.yaml", "WRITE_KEY": KEY}
        environment = {name: value for name, value in os.environ.items() if name != "HANDFAST_DATABASE_URL"}
        environment |= {f"HANDFAST_{name}": str(value) for name, value in told.items()}
        with self.log.open("w") as out:
            self.process = subprocess.Popen([sys.executable, "-m", "handfast", "up"], env=environment, stderr=out, stdout=out, cwd=folder)

    def ask(self, path: str, body: Any = None) -> tuple[int, Any, str]:
        """Status, Retry-After and text of an answer; status 0 where there was none."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", "Basic " + b64encode(f"{KEY}:".encode()).decode())
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, None, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Retry-After"), error.read().decode()
        except OSError:
            return 0, None, ""

    def post(self, many: int) -> tuple[int, Any, str]:
        """So many people ask for a demo, at length."""
        names = [f"m{self.sent + n}" for n in range(many)]
        self.sent += many
        form = lambda: {"form": "demo", "message": os.urandom(1000).hex()}  # noqa: E731
        traits = lambda name: {"traits": {"email": f"{name}@f{name}.example", "employees": 50}}  # noqa: E731
        event = {"type": "track", "event": "form_submitted"}
        answer = self.ask(
            "/v1/batch", {"batch": [{**event, "messageId": n, "userId": n, "context": traits(n), "properties": form()} for n in names]}
        )
        if answer[0] == 200:
            self.acknowledged.update(names)
        return answer

    def fill(self, leave: int = 0) -> None:
        """Somebody else's file takes all room but `leave` bytes."""
        with (self.disk / "somebody else's").open("wb", buffering=0) as file:
            while (free := os.statvfs(self.disk).f_bavail * 4096 - leave) > 0:
                file.write(bytes(min(free, 1 << 20)))

    def make_room(self) -> None:
        (self.disk / "somebody else's").unlink()

    def checks(self) -> dict[str, Any]:
        checks: dict[str, Any] = json.loads(self.ask("/readyz")[2])["checks"]
        return checks

    def stored(self) -> set[str]:
        socket = (self.data / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[4].strip()
        with psycopg.connect(host=socket, user="handfast", dbname="handfast") as conn:
            return {str(row[0]) for row in conn.execute("SELECT user_id FROM signal")}

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def house(disk: Path, tmp_path: Path) -> Iterator[Installation]:
    found = Installation(disk, tmp_path)
    try:
        assert until(lambda: found.ask("/readyz")[0] == 200), found.log.read_text()
        yield found
    finally:
        found.stop()


def until(done: Callable[[], bool], seconds: float = 90) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


@pytest.mark.slow
def test_a_full_disk(house: Installation) -> None:
    assert house.post(3)[0] == 200

    # 1. No room for another row: the database runs and can be read.
    house.fill()
    assert until(lambda: house.post(50)[0] == 503)
    status, again, said = house.post(50)
    assert (status, again) == (503, "2")
    assert "not recorded" in said
    assert house.ask("/healthz")[0] == 200
    assert house.ask("/readyz")[0] == 503
    assert house.checks()["room"] == {
        "ok": False, "note": "the database's disk is full: nothing new is recorded until there is room",
    }  # fmt: skip
    ((level, problem),) = list(doctor._disk(Visit(None, datetime.now(UTC), house.data)))  # type: ignore[arg-type]  # asks the disk alone
    assert (level, problem.what) == ("error", "only 0 MB of disk are free")
    told = house.log.read_text()
    assert told.count("storage_full") == 1, "said once, not with every request"
    assert "rolling back" not in told
    house.make_room()
    assert until(lambda: house.post(1)[0] == 200)
    assert until(lambda: house.ask("/readyz")[0] == 200)

    # 2. No room for another file of its log: the database stops, and is started again as soon as that can be.
    house.fill(leave=15 << 20)
    assert until(lambda: house.post(50)[0] != 200)
    assert until(lambda: not house.checks()["database"]["ok"] or house.post(50)[0] == 0)
    house.make_room()
    assert until(lambda: house.post(1)[0] == 200)
    assert until(lambda: house.ask("/readyz")[0] == 200)
    assert house.acknowledged - house.stored() == set()
    assert house.process.poll() is None
