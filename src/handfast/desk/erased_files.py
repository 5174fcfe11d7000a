"""Files of the data directory that may name somebody who was erased: mails written as files, and records read for replays.

Only what this machine holds: others that run Handfast on the same database have folders of their own. `handfast doctor` says what
is left there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

from handfast.identity.traces import Traces
from handfast.store import replay
from handfast.store.base import Store


def tidy(store: Store, data_dir: Path, mails: Sequence[str], traces: Traces) -> int:
    """Removes mails (by the ids of their messages, or because they name the person) and records read for replays that do not run."""
    gone = [path for path in sorted((data_dir / "outgoing").glob("*.eml")) if path.stem in set(mails) or _names(path, traces)]
    for path in gone:
        path.unlink(missing_ok=True)
    with store.reading() as conn:
        idle = replay.idle(conn)
    read = [folder for folder in _records(data_dir) if folder.name in idle]
    for folder in read:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone) + len(read)


def read_before(data_dir: Path, at: datetime) -> list[Path]:
    """Records that were read for replays before that moment."""
    return [folder for folder in _records(data_dir) if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < at]


def _records(data_dir: Path) -> Iterator[Path]:
    return (folder for folder in sorted((data_dir / "replay").glob("*")) if folder.is_dir())


def _names(path: Path, traces: Traces) -> bool:
    """Whether a mail names the person, in its headers or its text."""
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    parts = [str(value) for value in mail.values()]
    parts += [str(part.get_content()) for part in mail.walk() if part.get_content_maintype() == "text"]
    return any(traces.text(text) != text for text in parts)


__all__ = ["read_before", "tidy"]
