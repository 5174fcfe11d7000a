"""`python -m tests.simulate [SEEDS] [--from N] [--seed N] [--broken NAME]`: plays seeds, and ends with 1 when a promise does not hold.

`make simulate SEEDS=1000`, `make simulate SEED=17`, `make simulate BROKEN=timer_dropped` call it.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # before polars is imported: a seed is small, and two of them run side by side

import structlog

from tests.simulate import broken_more, broken_people  # noqa: F401  # they enter themselves into the list
from tests.simulate.broken import VARIANTS, BrokenVariant, broken_by
from tests.simulate.house import House, own_server, read_once
from tests.simulate.play import Result, play

LAST_STEPS = 12
#: A variant that so many seeds do not catch is not caught.
ENOUGH = 400


def main() -> int:
    asked = _arguments()
    if asked.list:
        for one in VARIANTS.values():
            print(f"{one.name:32} promise {one.promise}: {one.what}")
        return 0
    if asked.seed is not None:
        return _one(asked.seed, VARIANTS[asked.broken] if asked.broken else None)
    if asked.broken == "all":
        return _every_variant(asked.processes)
    if asked.broken:
        return _caught(asked.broken)
    return _many(range(asked.first, asked.first + asked.seeds), asked.processes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulate", description="The deterministic simulation: docs/reference/reliability.md"
    )
    parser.add_argument("seeds", nargs="?", type=int, default=1000, help="how many seeds to play")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="play this one alone and tell the whole story")
    parser.add_argument(
        "--broken", choices=[*VARIANTS, "all"], help="play a product that is broken on purpose until the simulation notices"
    )
    parser.add_argument("--list", action="store_true", help="the broken variants there are")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    return parser.parse_args()


def quiet() -> None:
    """What the product says of the faults we make is not news."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


def _many(seeds: range, processes: int) -> int:
    began, steps, points, faults, failed, traces = time.monotonic(), 0, 0, 0, [], 0
    with own_server() as server, contextlib.closing(_played(server, seeds, processes)) as played:
        for number, result in enumerate(played, 1):
            steps, points, faults = steps + result.steps, points + result.points, faults + result.faults
            traces ^= int(result.trace, 16)  # in whatever order they come
            if result.broken:
                failed.append(result)
                print(f"\r\033[K{_failure(result)}", flush=True)
                if len(failed) == 5:
                    break
            _bar(number, len(seeds), len(failed), began)
    seconds = time.monotonic() - began
    print(
        f"\r\033[K{number:,} seeds, {steps:,} steps, {points:,} points at which a fault could fall, {faults:,} faults; {seconds:.0f} s; trace {traces:016x}"
    )
    print("Every promise held after every step." if not failed else f"A promise was broken in {len(failed)} of them.")
    return 1 if failed else 0


def _played(server: str, seeds: range, processes: int) -> Iterator[Result]:
    if processes < 2:
        yield from map(_Player(server), seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _begin, (server,)) as pool:
        yield from pool.imap_unordered(_next, seeds, chunksize=4)


class _Player:
    """A database of its own in the server, and seeds played on it."""

    def __init__(self, server: str) -> None:
        quiet()
        read_once()
        gc.set_threshold(200_000, 50, 100)  # what a seed leaves behind goes by itself; looking for circles was a tenth of the time
        self.house = House.fresh(server)

    def __call__(self, seed: int) -> Result:
        return play(self.house, seed)


_player: list[_Player] = []


def _begin(server: str) -> None:
    _player.append(_Player(server))


def _next(seed: int) -> Result:
    return _player[0](seed)


def _one(seed: int, variant: BrokenVariant | None) -> int:
    with own_server() as server:
        quiet()
        read_once()
        house = House.fresh(server)
        with broken_by(variant, house) if variant else contextlib.nullcontext():
            result = play(house, seed, told=True)
        house.close()
    print(f"trace {result.trace}")
    return 1 if result.broken else 0


def _caught(name: str) -> int:
    """Plays a broken product until a promise breaks; 1 when it does, as for any failure. 0 means that nobody noticed."""
    with own_server() as server:
        found = catch(_Player(server).house, VARIANTS[name], ENOUGH)
    if found is None:
        print(f"{name}: not noticed in {ENOUGH} seeds")
        return 0
    print(_failure(found))
    return 1


def _every_variant(processes: int) -> int:
    """The table of docs/reference/reliability.md. Ends with 1 when a variant is not noticed."""
    missed = 0
    with own_server() as server:
        context = multiprocessing.get_context("spawn")
        with context.Pool(processes, _begin, (server,)) as pool:
            for name, found in pool.imap(_catch, VARIANTS, chunksize=1):
                one = VARIANTS[name]
                caught = f"{found.seed} | {found.broken[0]}" if found else "**none** | not noticed"
                print(f"| `{name}` | {one.what} | {one.promise} | {caught} |", flush=True)
                missed += found is None
    return 1 if missed else 0


def _catch(name: str) -> tuple[str, Result | None]:
    return name, catch(_player[0].house, VARIANTS[name], ENOUGH)


def catch(house: House, variant: BrokenVariant, seeds: int) -> Result | None:
    """The first seed from 1 that notices; None where none of so many does."""
    with broken_by(variant, house):
        for seed in range(1, seeds + 1):
            result = play(house, seed)
            if result.broken:
                return result
    return None


def _failure(result: Result) -> str:
    lines = [f"seed {result.seed}, step {result.steps}, {result.at}:", *(f"  {one}" for one in result.broken)]
    lines += ["the last steps:", *(f"  {line}" for line in result.story[-LAST_STEPS:])]
    return "\n".join([*lines, f"the whole story: make simulate SEED={result.seed}"])


def _bar(done: int, of: int, failed: int, began: float) -> None:
    if not sys.stdout.isatty() and done % 100 and done != of:
        return
    wide = 30 * done // of
    left = (time.monotonic() - began) / done * (of - done)
    text = f"[{'#' * wide}{'.' * (30 - wide)}] {done:,}/{of:,} seeds, {failed} failed, {left:.0f} s left"
    print(f"\r\033[K{text}" if sys.stdout.isatty() else text, end="" if sys.stdout.isatty() else "\n", flush=True)
