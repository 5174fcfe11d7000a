"""Webhooks: signed as Standard Webhooks says, judged by other people's libraries, and honest about failure."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from delivery_house import Clock, House, as_claimed
from hypothesis import given
from hypothesis import strategies as st
from mail_server import certificate
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from web_server import Receiver, receiving

from handfast.connectors.channel import Permanent, Temporary
from handfast.connectors.webhook import TYPES, Endpoint, WebhookChannel, body_of, headers_of, read_endpoint, sign
from handfast.desk.deliver import Delivered, deliver
from handfast.sla.notice import KINDS, Message, Named, notice

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def message(kind: str = "handoff_opened", *, name: str = "Maya Lindqvist", ident: str = "msg_one", to: str = "endpoint") -> Message:
    maya, ana = Named("per_maya", name), Named("ana", "Ana Silva")
    due = NOON + timedelta(minutes=5)
    payload = notice(kind, handoff_id="hof_1", opened_at=NOON, next_step="demo", person=maya, owner=ana, due_at=due)  # type: ignore[arg-type]
    payload = as_claimed(payload, person=maya, owner=ana)
    return Message(ident, "hof_1", kind, "webhook", to, "ana", payload, NOON, 1, NOON + timedelta(minutes=1))


def endpoint(url: str = "http://127.0.0.1:9/", *secrets: str) -> Endpoint:
    found, problems = read_endpoint("endpoint", url, secrets or (SECRET,))
    assert found is not None, problems
    return found


def now() -> datetime:
    """The libraries refuse a timestamp more than five minutes off, so these tests live in the present."""
    return datetime.now(UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(Receiver()) as one:
        yield one


def channel(receiver: Receiver, *secrets: str, **options: Any) -> WebhookChannel:
    return WebhookChannel({"endpoint": endpoint(receiver.url, *secrets)}, options.pop("now", now), **options)


# --- signed so that others can check it -------------------------------------------------------------------------


def test_the_published_example_has_the_published_signature() -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_python_library_accepts_what_we_post(receiver: Receiver) -> None:
    channel(receiver).send(message(name="Zoë “Żółć” O'Néill\n"))
    [post] = receiver.posts
    assert post.path == "/hooks/handoffs?team=north"
    verified = Webhook(SECRET).verify(post.body, post.headers)
    assert verified["type"] == "handoff.opened"
    assert verified["timestamp"] == "2026-11-23T12:00:00+00:00"
    assert verified["data"]["person"]["name"].startswith("Zoë")
    assert post.headers["webhook-id"] == "msg_one"
    assert post.headers["content-type"] == "application/json"


def test_it_refuses_what_was_changed_on_the_way(receiver: Receiver) -> None:
    channel(receiver).send(message())
    [post] = receiver.posts
    for name, value in (("webhook-id", "msg_two"), ("webhook-timestamp", str(int(post.headers["webhook-timestamp"]) + 1))):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(post.body, {**post.headers, name: value})
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(post.body.replace(b"Maya", b"Mara"), post.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(post.body, post.headers)


def test_while_a_secret_is_being_changed_both_are_good(receiver: Receiver) -> None:
    channel(receiver, OTHER, SECRET).send(message())
    [post] = receiver.posts
    assert Webhook(SECRET).verify(post.body, post.headers) == Webhook(OTHER).verify(post.body, post.headers)


@given(st.text(max_size=400), st.sampled_from(KINDS))
def test_any_text_is_signed_as_the_library_reads_it(name: str, kind: str) -> None:
    sent = message(kind, name=name.encode("utf-8", "replace").decode())
    at = now()
    body = body_of(sent)
    verified = Webhook(SECRET).verify(body, headers_of(sent, endpoint(), at, body))
    assert verified["type"] == TYPES[kind]
    assert len(body) < 20_000
    assert body == body_of(sent), "the same bytes on every attempt"


@pytest.mark.clients
def test_the_node_library_accepts_what_we_post(receiver: Receiver, node_modules: Path) -> None:
    sender = channel(receiver, OTHER, SECRET)
    sender.send(message(name="Zoë “Żółć” O'Néill"))
    sender.send(message("breach", ident="msg_two"))
    script = """
        const { Webhook } = require("standardwebhooks");
        const posts = JSON.parse(require("fs").readFileSync(0, "utf8"));
        const said = posts.map(p => new Webhook(p.secret).verify(p.body, p.headers).type);
        let refused = 0;
        for (const p of posts) { try { new Webhook(p.secret).verify(p.body + " ", p.headers); } catch { refused++; } }
        console.log(JSON.stringify({ said, refused }));
    """
    posts = [
        {"secret": secret, "body": post.body.decode(), "headers": post.headers} for post in receiver.posts for secret in (SECRET, OTHER)
    ]
    ran = subprocess.run(
        ["node", "-e", script], input=json.dumps(posts), cwd=node_modules.parent, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"said": ["handoff.opened"] * 2 + ["handoff.breached"] * 2, "refused": 4}


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The npm library `standardwebhooks`, installed once into the temporary directory. In CI it must be there; elsewhere its lack is a skip."""
    wanted = "standardwebhooks@1.1.1"
    folder = Path(tempfile.gettempdir()) / f"handfast-node-{os.getuid()}" / wanted
    found = folder / "node_modules"
    if (found / "standardwebhooks" / "dist").is_dir():
        return found
    if shutil.which("node") is None or shutil.which("npm") is None:
        return _without("node and npm are not installed")
    folder.mkdir(parents=True, exist_ok=True)
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(folder), wanted]
    ran = subprocess.run(install, capture_output=True, text=True, check=False, timeout=180)
    if ran.returncode != 0:
        return _without(f"npm could not install {wanted}: {ran.stderr.strip()[-300:]}")
    return found


def _without(why: str) -> Path:
    if os.environ.get("CI"):
        pytest.fail(f"{why}; CI must run the real client. Elsewhere use -m 'not clients'.")
    pytest.skip(f"{why}; without it the npm client is not asked")


# --- honest about failure ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_taken(receiver: Receiver, status: int) -> None:
    receiver.answers(status)
    channel(receiver).send(message())
    assert len(receiver.posts) == 1


@pytest.mark.parametrize(
    ("status", "down"), [(400, False), (401, False), (404, False), (500, False), (429, True), (502, True), (503, True), (504, True)]
)
def test_every_other_answer_is_temporary(receiver: Receiver, status: int, down: bool) -> None:
    receiver.answers(status)
    with pytest.raises(Temporary, match=f"answered {status}") as caught:
        channel(receiver).send(message())
    assert (caught.value.down, caught.value.retry_after) == (down, None)


def test_gone_is_permanent(receiver: Receiver) -> None:
    receiver.answers(410)
    with pytest.raises(Permanent, match="410"):
        channel(receiver).send(message())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with receiving(Receiver()) as elsewhere:
        receiver.answers((status, {"location": elsewhere.url}))
        with pytest.raises(Temporary, match="redirects are not followed"):
            channel(receiver).send(message())
        assert elsewhere.posts == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Mon, 23 Nov 2026 12:10:00 GMT", 600.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999999999999999", 999999999.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("Mon, 23 Nov 2026 12:10:00", None),
    ],
)
def test_retry_after_is_read_in_both_forms(receiver: Receiver, header: str, seconds: float | None) -> None:
    receiver.answers((503, {"retry-after": header}))
    with pytest.raises(Temporary) as caught:
        channel(receiver, now=lambda: NOON).send(message())
    assert caught.value.retry_after == seconds


def test_the_loop_waits_as_long_as_it_is_asked_to(house: House, clock: Clock, receiver: Receiver) -> None:
    ident = house.writes(to="endpoint", channel="webhook")
    receiver.answers((429, {"retry-after": "1800"}), 200)
    hooks = {"webhook": channel(receiver, now=clock)}
    assert deliver(house.store, hooks, clock) == Delivered(retried=1)
    clock.forward(seconds=1799)
    assert deliver(house.store, hooks, clock).claimed == 0
    clock.forward(seconds=181)
    assert deliver(house.store, hooks, clock) == Delivered(sent=1)
    first, second = receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == ident
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 1980


def test_an_endpoint_that_is_gone_leaves_a_dead_message_and_an_event(house: House, clock: Clock, receiver: Receiver) -> None:
    ident = house.writes(to="endpoint", channel="webhook")
    receiver.answers(410)
    assert deliver(house.store, {"webhook": channel(receiver)}, clock) == Delivered(dead=1)
    assert [event["message"] for event in house.events("message_died")] == [ident]


def test_an_endpoint_that_was_removed_from_the_configuration_is_not_silence(house: House, clock: Clock) -> None:
    ident = house.writes(to="endpoint", channel="webhook")
    assert deliver(house.store, {"webhook": WebhookChannel({}, now)}, clock) == Delivered(dead=1)
    assert house.row(ident)["why"] == "no endpoint named 'endpoint' is configured"


def test_nobody_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(Temporary, match="ConnectionRefusedError") as caught:
            WebhookChannel({"endpoint": endpoint(url)}, now).send(message())
    assert caught.value.down


def test_a_name_nobody_knows() -> None:
    with pytest.raises(Temporary, match="not reached") as caught:
        WebhookChannel({"endpoint": endpoint("http://no-such-host.invalid/")}, now).send(message())
    assert caught.value.down


def test_it_hangs_up_in_the_middle(receiver: Receiver) -> None:
    receiver.answers(None)
    with pytest.raises(Temporary, match="not reached") as caught:
        channel(receiver).send(message())
    assert caught.value.down


def test_it_takes_too_long(receiver: Receiver) -> None:
    answered = threading.Event()
    receiver.before_answer = lambda: answered.wait(10)
    try:
        with pytest.raises(Temporary, match=r"no answer within 0\.3 s") as caught:
            channel(receiver, timeout=0.3).send(message())
    finally:
        answered.set()
    assert caught.value.down


def test_it_drips() -> None:
    """A header line that never ends, a byte at a time: each read succeeds, the whole never does."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
                while not stop.wait(0.02):
                    try:
                        line.sendall(b"a")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            with pytest.raises(Temporary, match=r"no answer within 0\.5 s"):
                WebhookChannel({"endpoint": endpoint(url)}, now, timeout=0.5).send(message())
        finally:
            stop.set()
            dripping.join()


def test_tls_is_checked(tmp_path: Path) -> None:
    trusted, serving = certificate(tmp_path)
    with receiving(Receiver(), serving) as secure:
        with pytest.raises(Temporary, match="SSLCertVerificationError"):
            channel(secure).send(message())
        channel(secure, tls=ssl.create_default_context(cafile=str(trusted))).send(message())
        assert len(secure.posts) == 1


# --- configuration ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "secrets", "what"),
    [
        ("hooks.example", (SECRET,), "no http or https URL"),
        ("ftp://hooks.example", (SECRET,), "no http or https URL"),
        ("https://", (SECRET,), "no http or https URL"),
        ("https://hooks.example:port/", (SECRET,), "no http or https URL"),
        ("https://user:pass@hooks.example/", (SECRET,), "carries a password"),
        ("https://hooks.example/a b", (SECRET,), "characters no URL may have"),
        ("https://hooks.example/ü", (SECRET,), "characters no URL may have"),
        ("https://hooks.example/", (), "no usable secret"),
        ("https://hooks.example/", ("whsec_short",), "no usable secret"),
        ("https://hooks.example/", (SECRET, "whsec_" + base64.b64encode(bytes(65)).decode()), "no usable secret"),
        ("https://hooks.example/", ("whsec_ünreadable",), "no usable secret"),
    ],
)
def test_a_mistake_in_the_configuration_is_a_problem(url: str, secrets: tuple[str, ...], what: str) -> None:
    found, problems = read_endpoint("crm", url, secrets)
    assert found is None
    assert [what in problem.what for problem in problems] == [True]
    assert not any(secret in str(problems) for secret in secrets)


def test_secrets_are_not_shown() -> None:
    assert "secrets" not in repr(endpoint())


def test_a_private_address_is_allowed() -> None:
    """It comes from the operator's own configuration, and the usual receiver stands in the same network."""
    for url in ("http://10.0.0.5/hook", "http://[::1]:8080/hook", "http://localhost/hook"):
        assert endpoint(url).url == url
