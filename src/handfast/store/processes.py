"""Which processes are a PostgreSQL server of ours, which are what a killed one left behind, and which merely bear its number."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path


def forget_stale(pid_file: Path, data: Path) -> None:
    """Remove a crashed server's lock file where its number is taken all the same: by another process, or by its own corpse.

    PostgreSQL would take that process for a server and refuse to start, also where it is a server of somebody else. In a container this
    is no rarity: numbers start at 1 after each restart, and often nobody buries the dead. Where the number is free PostgreSQL removes the
    file itself. A surviving child of the old server is found out in any case: by the shared memory it still holds.
    """
    try:
        pid = first_number(pid_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    if pid:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # as process 1 of a container we inherit the dead
        with suppress(PermissionError):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
        if is_server(pid, data):
            return  # ours after all: let PostgreSQL judge
    pid_file.unlink(missing_ok=True)


def orphans(data: Path) -> list[int]:
    """Children of a server on `data` whose postmaster is gone. They work in its directory, and their parent is no server of it.

    Somebody may have deleted `postmaster.pid` under a living server: its children hold the same memory and must be left alone.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cwd").readlink() != data or not (folder / "cmdline").read_bytes().startswith(b"postgres:"):
                continue
            # "pid (name) state parent …": the name may hold spaces and brackets.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if not is_server(parent, data):
            found.append(int(folder.name))
    return found


def end(pids: list[int], how: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, how)


def is_server(pid: int, data: Path) -> bool:
    """Whether process `pid` is a server running on `data`, by its command line. Not everybody who names that folder is one."""
    command = command_of(pid)
    return b"postgres -D " in command and os.fsencode(data) in command


def command_of(pid: int) -> bytes:
    """The command line of a process; empty for one that is gone or dead but not yet buried."""
    if not Path("/proc/self/cmdline").exists():
        return subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, check=False).stdout
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


def first_number(text: str) -> int:
    first = text.partition("\n")[0].strip()
    return int(first) if first.isdigit() else 0
