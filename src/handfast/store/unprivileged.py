"""Run a program as an ordinary user although we are root: `python unprivileged.py UID GID PROGRAM ARGUMENT…`.

PostgreSQL refuses to run as root, and rightly. A fresh container often has nobody else, and what the server must
reach (the wheel in a virtual environment, the data directory) often lies below `/root`, which only root may enter.
So this small program, started by root, becomes the numeric user UID, keeps at most *one* power of root, namely to walk
through directories that are closed to that user, and then turns into PROGRAM. It needs no account to be created
and no further tool. Where the kernel has no such thing (macOS), the power is not kept.

It is run as a script of its own, not called: changing the user between fork and exec of a process that has threads
(the web server has) is not safe in Python. It imports nothing of Handfast, so it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import sys

# linux/capability.h and linux/prctl.h
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _power_to_keep(libc: ctypes.CDLL) -> int | None:
    """To read and search is enough; default containers lack it but have the wider one. None: neither is ours."""
    header, sets = _Header(_CAPABILITY_VERSION_3, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(header), sets) != 0:
        return None
    held = sets[0].permitted
    return next((cap for cap in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE) if held >> cap & 1), None)


def _keep_only(libc: ctypes.CDLL, cap: int) -> None:
    """Make `cap` the only capability, and one that survives exec ("ambient": capabilities(7))."""
    header, sets = _Header(_CAPABILITY_VERSION_3, 0), (_Sets * 2)()
    sets[0] = _Sets(1 << cap, 1 << cap, 1 << cap)
    if libc.capset(ctypes.byref(header), sets) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, cap, 0, 0)


def become(uid: int, gid: int) -> None:
    """Give up root for `uid` and `gid`. Raises OSError where the kernel does not let us."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    cap = _power_to_keep(libc) if libc else None
    if libc and cap is not None:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc and cap is not None:
        _keep_only(libc, cap)


if __name__ == "__main__":
    try:
        become(int(sys.argv[1]), int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"root may not become another user here ({error.strerror}), and PostgreSQL refuses to run as root")
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606
