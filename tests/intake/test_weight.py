"""What a single event may weigh, whatever else comes in its batch: weighed many at a time, judged one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from handfast.connectors.segment import LIMITS, Document, decode, read

AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def light(number: int) -> dict[str, Any]:
    return {"type": "page", "userId": "u", "messageId": f"m{number}", "properties": {"said": "x" * 500}}


def weighing(number: int, size: int) -> dict[str, Any]:
    """An event of exactly so many bytes of JSON."""
    event = light(number) | {"integrations": ""}
    return event | {"integrations": "x" * (size - len(orjson.dumps(event)))}


def accepted(batch: list[dict[str, Any]]) -> list[bool]:
    """Which of the events are taken; each one refused is refused for its weight or its depth."""
    document = decode(orjson.dumps({"batch": batch}))
    assert isinstance(document, Document)
    done = read(document, "batch", "web", AT)
    assert isinstance(done, tuple)
    signals, refused = done
    assert {one.problem.where.part for one in refused} <= {"event", "properties"}
    assert len(signals) + len(refused) == len(batch)
    away = {one.payload["messageId"] for one in refused}
    return [event["messageId"] not in away for event in batch]


@pytest.mark.parametrize("place", [0, 1, 49, 50, 51, 298, 299])
def test_one_event_too_heavy_is_refused_alone_wherever_it_stands(place: int) -> None:
    for size, taken in ((LIMITS.event_bytes, True), (LIMITS.event_bytes + 1, False)):
        batch = [light(n) for n in range(300)]
        batch[place] = weighing(place, size)
        assert accepted(batch) == [taken or n != place for n in range(300)], size


def test_many_that_are_heavy_only_together_are_all_taken() -> None:
    assert all(accepted([weighing(n, 20_000 if n % 7 == 0 else 3_000) for n in range(200)]))
    assert all(accepted([weighing(n, LIMITS.event_bytes) for n in range(20)]))


def test_one_event_nested_too_deep_in_what_is_not_kept_is_refused_alone() -> None:
    for levels, taken in ((200, True), (400, False)):
        text = orjson.dumps({"batch": [light(n) for n in range(299)]})
        nested = b'{"a":' * levels + b"1" + b"}" * levels
        odd = orjson.dumps(light(299))[:-1] + b',"integrations":' + nested + b"}"
        document = decode(text[:-2] + b"," + odd + b"]}")
        assert isinstance(document, Document)
        done = read(document, "batch", "web", AT)
        assert isinstance(done, tuple)
        assert (len(done[0]), len(done[1])) == ((300, 0) if taken else (299, 1)), levels
