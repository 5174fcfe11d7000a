"""A worker of its own, for being killed: delivers until nothing is left. Arguments: database URL, endpoint URL, secret, seconds a lease lasts."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from handfast.connectors.webhook import WebhookChannel, read_endpoint
from handfast.desk.deliver import deliver
from handfast.store.base import Store


def main() -> None:
    database, url, secret, lease = sys.argv[1:]
    endpoint, problems = read_endpoint("endpoint", url, [secret])
    assert endpoint is not None, problems
    channel = WebhookChannel({"endpoint": endpoint}, lambda: datetime.now(UTC), timeout=float(lease) / 3)
    with Store(database, size=2) as store:
        print("working", flush=True)
        while True:
            if not deliver(store, {"webhook": channel}, lambda: datetime.now(UTC), lease_seconds=float(lease)).claimed:
                time.sleep(0.02)


if __name__ == "__main__":
    main()
