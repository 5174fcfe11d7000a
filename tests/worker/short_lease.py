"""`handfast work` whose leases last `argv[1]` seconds: what a killed worker was sending is sent again soon, so that a test can wait for it."""

from __future__ import annotations

import sys
from functools import partial

from handfast import worker
from handfast.cli.work import command
from handfast.desk.deliver import deliver

if __name__ == "__main__":
    worker.deliver = partial(deliver, lease_seconds=float(sys.argv[1]))
    command(args=[], standalone_mode=True)
