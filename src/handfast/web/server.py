"""The web server: uvicorn, with open streams ended first when it is told to stop."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from handfast.web.stream import Hub

#: What requests under way are given when the process is told to stop. Streams do not wait for it.
GRACE_SECONDS = 2


def port_trouble(host: str, port: int) -> OSError | None:
    """Why nobody could listen there now, or None. uvicorn would say it in a line of its own and end the process."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
            with socket.socket(family, kind, protocol) as tried:
                # As the server itself will: what a killed one left half closed is not in its way.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tried.bind(address)
    except OSError as error:
        return error
    return None


class Server(uvicorn.Server):
    """Serves one application of `create_app`. Without this, every open page would hold a stop back for the whole grace."""

    def __init__(self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 8000, log_level: str = "warning") -> None:
        self._hub: Hub = app.state.hub
        super().__init__(
            uvicorn.Config(
                # Its own way of logging would print an exception with its text, and so with whom it was about.
                app,
                host=host,
                port=port,
                log_level=log_level,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.end()
        await super().shutdown(sockets)
