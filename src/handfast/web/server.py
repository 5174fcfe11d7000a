"""The web server: uvicorn, with open streams ended first when it is told to stop."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from handfast.web.stream import Hub

#: What requests under way are given when the process is told to stop. Streams do not wait for it.
GRACE_SECONDS = 2


class Server(uvicorn.Server):
    """Serves one application of `create_app`. Without this, every open page would hold a stop back for the whole grace."""

    def __init__(self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 8000, log_level: str = "warning") -> None:
        self._hub: Hub = app.state.hub
        super().__init__(
            uvicorn.Config(app, host=host, port=port, log_level=log_level, access_log=False, timeout_graceful_shutdown=GRACE_SECONDS)
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.end()
        await super().shutdown(sockets)
