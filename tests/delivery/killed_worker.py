"""Workers of their own, for being killed: each delivers until nothing is left. Arguments: database URL, endpoint URL, secret, seconds a lease lasts.

Each is a process of its own, forked where `start` is read, so that thirteen of them need not import everything thirteen times. Where the
number of one is read, how it ended is said.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime

from handfast.connectors.webhook import WebhookChannel, read_endpoint
from handfast.desk.deliver import deliver
from handfast.store.base import Store


def main() -> None:
    for line in sys.stdin:
        if line.strip() != "start":
            print(os.waitstatus_to_exitcode(os.waitpid(int(line), 0)[1]), flush=True)
        elif os.fork() == 0:
            work(*sys.argv[1:])


def work(database: str, url: str, secret: str, lease: str) -> None:
    endpoint, problems = read_endpoint("endpoint", url, [secret])
    assert endpoint is not None, problems
    channel = WebhookChannel({"endpoint": endpoint}, lambda: datetime.now(UTC), timeout=float(lease) / 3)
    with Store(database, size=2) as store:
        print("working", os.getpid(), flush=True)
        while True:
            if not deliver(store, {"webhook": channel}, lambda: datetime.now(UTC), lease_seconds=float(lease)).claimed:
                time.sleep(0.02)


if __name__ == "__main__":
    main()
