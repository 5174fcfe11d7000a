"""The embedded server, on the real thing: first start, crash, two at once, root, a stranger's home.

Each test has a data directory of its own. Where a test must be somebody else it starts a second Python.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from handfast.store import embedded
from handfast.store.base import StorageAway, Store
from handfast.store.embedded import CannotStart, Embedded
from handfast.store.processes import command_of, orphans

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = os.geteuid() == 0
HOLD = """
import sys
from pathlib import Path
from handfast.store.embedded import Embedded
server = Embedded(Path(sys.argv[1]), throwaway=True)
print(server.start(), flush=True)
sys.stdin.readline()
server.stop()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory; what still runs on it afterwards is ended the hard way."""
    folder = tmp_path / "handfast"
    yield folder
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(postmaster(folder), signal.SIGKILL)


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres/data/postmaster.pid").read_text().splitlines()[0])


def family(data_dir: Path) -> list[int]:
    """The postmaster and all its children."""
    parent = postmaster(data_dir)
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


def kill(pids: list[int]) -> None:
    """kill -9, and wait until the kernel has done it."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    while any(command_of(pid) for pid in pids):
        time.sleep(0.01)


def remember(url: str, word: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS memory (word text)")
        conn.execute("INSERT INTO memory VALUES (%s)", [word])


def remembered(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as conn:
        return [word for (word,) in conn.execute("SELECT word FROM memory ORDER BY word")]


def hold(data_dir: Path) -> subprocess.Popen[str]:
    """Another process that uses the server until it reads a line."""
    return subprocess.Popen([sys.executable, "-c", HOLD, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_first_start_says_so_and_later_starts_are_silent(data_dir: Path) -> None:
    """A user who waits learns why; from the second start on there is nothing to wait for."""
    heard: list[str] = []
    server = Embedded(data_dir, tell=heard.append)
    with server as url:
        assert heard == ["Preparing the database (first start)…"]
        remember(url, "kept")
    assert not server.is_running()
    with server as url:
        assert remembered(url) == ["kept"]
    assert heard == ["Preparing the database (first start)…"]


def test_it_sorts_by_code_point_keeps_utc_and_does_not_listen_on_the_network(data_dir: Path) -> None:
    """The same on every machine, whatever its locale and time zone; and no port is open."""
    with Embedded(data_dir) as url, psycopg.connect(url) as conn:

        def setting(name: str) -> str:
            return conn.execute("SELECT current_setting(%s)", [name]).fetchone()[0]

        assert conn.execute("SELECT array_agg(w ORDER BY w) FROM unnest(array['b', 'Z', 'a', 'ä']) w").fetchone() == (["Z", "a", "b", "ä"],)
        assert conn.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)
        assert setting("TimeZone") == "UTC"
        assert setting("listen_addresses") == ""
        assert (setting("fsync"), setting("synchronous_commit"), setting("full_page_writes")) == ("on", "on", "on")


def test_nobody_else_may_enter(data_dir: Path) -> None:
    """There is no password because there is no door: the directory of data and socket is closed to every other user."""
    with Embedded(data_dir, throwaway=True):
        for folder in ("postgres", "postgres/data", "postgres/run"):
            assert (data_dir / folder).stat().st_mode & 0o077 == 0


def test_a_killed_server_is_found_again_with_its_data(data_dir: Path) -> None:
    """kill -9 of the postmaster and every child: what was committed is there after the next start."""
    server = Embedded(data_dir)
    remember(server.start(), "committed")
    kill(family(data_dir))
    assert not server.is_running()
    heard: list[str] = []
    with Embedded(data_dir, tell=heard.append) as url:
        assert remembered(url) == ["committed"]
    assert heard == ["The database was not stopped properly: recovering…"]
    server.stop()


def test_a_killed_postmaster_whose_children_linger_is_started_again(data_dir: Path) -> None:
    """kill -9 of the postmaster alone, under a busy connection: its children let go of the memory within moments."""
    server = Embedded(data_dir)
    url = server.start()
    remember(url, "committed")
    with psycopg.connect(url) as busy:
        busy.execute("INSERT INTO memory VALUES ('never committed')")
        os.kill(postmaster(data_dir), signal.SIGKILL)
        assert remembered(server.start()) == ["committed"]
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")
    server.stop()


def test_a_child_too_busy_to_notice_that_its_server_was_killed_does_not_shut_the_database_for_ever(data_dir: Path) -> None:
    """It computes, so it looks at nothing, and holds the memory that the next server asks for: after some seconds it is ended."""
    server = Embedded(data_dir)
    url = server.start()
    remember(url, "committed")
    busy = psycopg.connect(url)
    busy.execute("INSERT INTO memory VALUES ('never committed')")
    busy.pgconn.send_query(b"DO $$ DECLARE n numeric := 1; BEGIN LOOP n := n + 1; END LOOP; END $$")
    os.kill(postmaster(data_dir), signal.SIGKILL)
    assert remembered(server.start()) == ["committed"]
    busy.close()
    server.stop()


def test_the_children_of_a_living_server_are_no_orphans(data_dir: Path) -> None:
    """Also where somebody has deleted its lock file: they hold the same memory, and are left alone."""
    folder = data_dir / "postgres/data"
    with Embedded(data_dir, throwaway=True) as url, psycopg.connect(url) as busy:
        lock = (folder / "postmaster.pid").read_bytes()
        (folder / "postmaster.pid").unlink()
        assert orphans(folder) == []
        (folder / "postmaster.pid").write_bytes(lock)
        busy.execute("SELECT 1")


def test_a_server_killed_while_it_starts_is_started_once_more(data_dir: Path) -> None:
    """The kernel ends whom it likes when memory runs out, also a server that has not come up yet."""
    server = Embedded(data_dir)
    remember(server.start(), "kept")
    kill(family(data_dir))
    heard: list[str] = []
    killed = threading.Event()

    def kill_it_at_first_sight() -> None:
        while not killed.is_set():
            with suppress(OSError, IndexError, ValueError):
                if command_of(pid := postmaster(data_dir)) and pid != before:
                    os.kill(pid, signal.SIGKILL)
                    killed.set()

    before = postmaster(data_dir)
    killer = threading.Thread(target=kill_it_at_first_sight)
    killer.start()
    assert remembered(Embedded(data_dir, tell=heard.append).start()) == ["kept"]
    killer.join()
    assert heard[-1] == "The database was killed while it started: once more…"
    server.stop()


def test_a_surviving_server_is_attached_to_not_started_twice(data_dir: Path) -> None:
    """The Handfast process dies, its server lives on: the next one uses it, and as the last user stops it."""
    first = hold(data_dir)
    url = first.stdout.readline().strip()
    remember(url, "kept")
    pid = postmaster(data_dir)
    first.kill()
    first.communicate()
    server = Embedded(data_dir)
    assert server.is_running()
    assert remembered(server.start()) == ["kept"]
    assert postmaster(data_dir) == pid
    server.stop()
    assert not server.is_running()


def test_a_stale_number_that_belongs_to_somebody_else_by_now(data_dir: Path) -> None:
    """After a restart of a container the old number may be any process of the same user, a server of other data too; PostgreSQL alone
    would refuse.
    """
    server = Embedded(data_dir)
    remember(server.start(), "kept")
    for started in (["sleep", "60"], ["bash", "-c", "exec -a 'postgres -D /elsewhere' sleep 60"]):
        lines = (data_dir / "postgres/data/postmaster.pid").read_text().splitlines()
        kill(family(data_dir))
        owner = (data_dir / "postgres/data").stat().st_uid
        bystander = subprocess.Popen(started, user=owner if ROOT else None)
        try:
            (data_dir / "postgres/data/postmaster.pid").write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
            assert not server.is_running()
            assert remembered(server.start()) == ["kept"]
        finally:
            bystander.kill()
            bystander.wait()
    server.stop()


def test_a_first_start_that_was_killed_half_way(data_dir: Path) -> None:
    """What `initdb` had made by then is thrown away, not used."""
    (data_dir / "postgres/making").mkdir(parents=True)
    (data_dir / "postgres/making/PG_VERSION").write_text("18\n")
    with Embedded(data_dir, throwaway=True) as url, psycopg.connect(url) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_two_processes_starting_at_once_share_one_server(data_dir: Path) -> None:
    """Both get the same address; the first to leave leaves it running, the second stops it."""
    one, two = hold(data_dir), hold(data_dir)
    urls = {one.stdout.readline(), two.stdout.readline()}
    assert len(urls) == 1
    server = Embedded(data_dir)
    pid = postmaster(data_dir)
    one.communicate("\n")
    assert server.is_running()
    assert postmaster(data_dir) == pid
    two.communicate("\n")
    assert (one.returncode, two.returncode) == (0, 0)
    assert not server.is_running()


def test_many_threads_starting_and_stopping_never_lose_the_server_of_another(data_dir: Path) -> None:
    """Who has started may use it until he stops, whatever the others do meanwhile."""
    failures: list[Exception] = []

    def come_and_go() -> None:
        try:
            for _ in range(4):
                with Embedded(data_dir, throwaway=True) as url, psycopg.connect(url) as conn:
                    conn.execute("SELECT pg_sleep(0.01)")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert not Embedded(data_dir).is_running()


def test_the_terminals_interrupt_does_not_reach_the_server(data_dir: Path) -> None:
    """Ctrl-C goes to every process of the terminal's group; the server is in none of them."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, start_new_session=True,
    )  # fmt: skip
    url = holder.stdout.readline().strip()
    os.killpg(holder.pid, signal.SIGINT)
    holder.communicate()
    assert holder.returncode != 0
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    server = Embedded(data_dir)
    server.start()
    server.stop()


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    """The socket moves to a short private directory; a second process finds it there."""
    deep = tmp_path / ("a-rather-long-name/" * 6)
    with Embedded(deep, throwaway=True) as url:
        with Embedded(deep, throwaway=True) as found:
            assert found == url
        folder = next(iter(psycopg.conninfo.conninfo_to_dict(url)["host"].split(",")))
        assert len(folder) < 80
        assert Path(folder).stat().st_mode & 0o077 == 0


def test_a_short_directory_that_somebody_prepared_for_us_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shared temporary directory anybody can make the name first, and would then hear every word."""
    deep = tmp_path / ("a-rather-long-name/" * 6)
    with Embedded(deep, throwaway=True) as url:
        folder = Path(psycopg.conninfo.conninfo_to_dict(url)["host"])
    folder.chmod(0o777)
    with pytest.raises(CannotStart, match="not a private directory"):
        Embedded(deep, throwaway=True).start()
    folder.rmdir()


def test_data_of_another_postgresql_is_left_alone(data_dir: Path) -> None:
    """A new major version cannot read the old files: say how to move, touch nothing."""
    with Embedded(data_dir, throwaway=True):
        pass
    (data_dir / "postgres/data/PG_VERSION").write_text("17\n")
    with pytest.raises(CannotStart, match="written by PostgreSQL 17, and the installed server is") as refused:
        Embedded(data_dir).start()
    assert "handfast backup" in refused.value.problem.fix


def test_a_bad_setting_of_the_users_is_named(data_dir: Path) -> None:
    """local.conf is the user's; a mistake in it is told in the server's own words, and where to read more."""
    with Embedded(data_dir, throwaway=True):
        pass
    (data_dir / "postgres/data/local.conf").write_text("shared_buffers = 'plenty'\n")
    with pytest.raises(CannotStart, match="shared_buffers") as refused:
        Embedded(data_dir).start()
    assert "server.log" in refused.value.problem.fix


def test_a_data_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(CannotStart, match="HANDFAST_DATA_DIR"):
        Embedded(tmp_path / "file" / "handfast").start()


def test_the_store_survives_a_restart_of_the_server(data_dir: Path) -> None:
    """Callers hear StorageAway while it is away and nothing at all once it is back."""
    server = Embedded(data_dir)
    with Store(server.start(), size=3, patience_seconds=0.3) as store:
        with store.writing() as conn:
            conn.execute("CREATE TABLE memory (word text)")
        held = [store.reading() for _ in range(3)]
        for each in held:
            each.__enter__()  # so that three connections exist, all of which will be dead
        for each in held:
            each.__exit__(None, None, None)
        for pid in family(data_dir):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(StorageAway), store.writing() as conn:
            conn.execute("INSERT INTO memory VALUES ('lost')")
        server.start()
        for _ in range(4):
            with store.writing() as conn:
                conn.execute("INSERT INTO memory VALUES ('kept')")
        with store.reading() as conn:
            assert conn.execute("SELECT count(*) FROM memory").fetchone() == (4,)
    server.stop()


def test_a_server_that_dies_while_we_attach(data_dir: Path) -> None:
    """The kernel takes a moment to end a process; who comes in that moment gets a new server, not an error."""
    server = Embedded(data_dir)
    remember(server.start(), "kept")
    for _ in range(3):
        os.kill(postmaster(data_dir), signal.SIGQUIT)  # an immediate shutdown: all of them go, unprepared
        assert remembered(server.start()) == ["kept"]
    server.stop()


def test_stopping_without_having_started_touches_nothing(data_dir: Path) -> None:
    with Embedded(data_dir, throwaway=True):
        onlooker = Embedded(data_dir)
        onlooker.stop()
        assert onlooker.is_running()


root_only = pytest.mark.skipif(not ROOT, reason="only root can become somebody else")


@root_only
def test_root_starts_it_where_only_root_may_go() -> None:
    """A fresh container: root, a directory below /root (mode 700), no account made for us. The server is not root."""
    place = Path("/root/.handfast-test") / str(os.getpid())
    try:
        with Embedded(place, throwaway=True) as url, psycopg.connect(url) as conn:
            assert Path("/root").stat().st_mode & 0o077 == 0
            assert Path(f"/proc/{postmaster(place)}").stat().st_uid == embedded._NOBODY_ELSE
            assert conn.execute("SELECT 1").fetchone() == (1,)
    finally:
        subprocess.run(["rm", "-rf", str(place.parent)], check=True)


@root_only
def test_the_server_of_root_keeps_one_power_only(data_dir: Path) -> None:
    """It may walk through closed directories; it may not change owners, kill others or become anybody."""
    with Embedded(data_dir, throwaway=True):
        status = Path(f"/proc/{postmaster(data_dir)}/status").read_text()
    (effective,) = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff")]
    assert effective in {1 << 1, 1 << 2}


@root_only
@pytest.mark.skipif(not Path("/usr/bin/setpriv").exists(), reason="needs setpriv to give powers away")
@pytest.mark.parametrize(
    ("powers", "works"), [("-all,+chown,+dac_override,+fowner,+kill,+setgid,+setuid", True), ("-all,+chown,+dac_override", False)]
)
def test_root_with_fewer_powers(tmp_path: Path, powers: str, works: bool) -> None:
    """The usual container's root suffices; one that may not change the user is told so in a sentence."""
    command = ["setpriv", f"--bounding-set={powers}", sys.executable, "-c", HOLD, str(tmp_path / "handfast")]
    done = subprocess.run(command, input="\n", capture_output=True, text=True, check=False)
    if works:
        assert done.stdout.startswith("postgresql://"), done.stderr
    else:
        assert "root may not become another user here" in done.stderr


@root_only
def test_root_in_somebodys_directory_leaves_it_to_its_owner(tmp_path: Path) -> None:
    """`sudo handfast …` in a user's directory: the server runs as that user, who can go on without root."""
    tmp_path.chmod(0o755)
    home = tmp_path / "anna"
    home.mkdir()
    os.chown(home, 12345, 12345)
    with Embedded(home / "handfast", throwaway=True):
        assert Path(f"/proc/{postmaster(home / 'handfast')}").stat().st_uid == 12345
    foreign = [path for path in home.rglob("*") if path.lstat().st_uid != 12345]
    assert foreign == []


def test_waiting_for_another_start_is_told(data_dir: Path) -> None:
    """Who comes second waits, and is told what for."""
    heard: list[str] = []
    first, second = Embedded(data_dir, throwaway=True), Embedded(data_dir, throwaway=True, tell=heard.append)
    first.start()
    with first._guarded():
        waiting = threading.Thread(target=second.start)
        waiting.start()
        while not heard:
            time.sleep(0.01)
    waiting.join()
    assert heard == ["Waiting for another Handfast that is starting or stopping the database…"]
    first.stop()
    assert second.is_running()
    second.stop()
    assert not second.is_running()
