"""`handfast up` as a newcomer meets it: it comes up, says where, is ready, and stops cleanly with everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

NORTHWIND = Path(__file__).parents[2] / "examples" / "northwind.yaml"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One installation for the module: made on its first start, found again on the next."""
    return tmp_path_factory.mktemp("up")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_comes_up_and_stops_with_everything_it_started(folder: Path, number: signal.Signals) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "HANDFAST_DATA_DIR": str(folder / "data"),
        "HANDFAST_PORT": str(port),
        "HANDFAST_CONTRACT": str(NORTHWIND),
    }
    environment.pop("HANDFAST_DATABASE_URL", None)
    process = subprocess.Popen([sys.executable, "-m", "handfast", "up"], env=environment, stderr=subprocess.PIPE, text=True, cwd=folder)
    try:
        assert _answers(f"http://127.0.0.1:{port}/readyz", process), process.stderr and process.stderr.read()
        assert _lock(folder).exists()
    finally:
        process.send_signal(number)
        said = process.communicate(timeout=40)[1]
    assert process.returncode == 0, said
    assert f"http://127.0.0.1:{port}" in said
    assert "Traceback" not in said
    assert not _lock(folder).exists(), "the embedded server is stopped too"


def _lock(folder: Path) -> Path:
    """PostgreSQL's own mark that a server runs on this data; it takes it away when it has shut down in order."""
    return folder / "data" / "postgres" / "data" / "postmaster.pid"


def _answers(url: str, process: subprocess.Popen[str]) -> bool:
    for _ in range(600):
        if process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.1)
    return False
