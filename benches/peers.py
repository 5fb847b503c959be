"""Peers take turns with DataFlow inside one run: a noisy machine is noisy for all of them."""

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Turn(NamedTuple):
    """One timed call: wall seconds, and CPU seconds of this process with its threads."""

    wall: float
    cpu: float


def timed(job: Callable[[], object]) -> Turn:
    before = os.times()
    started = time.perf_counter()
    job()
    wall = time.perf_counter() - started
    after = os.times()
    return Turn(wall, (after.user - before.user) + (after.system - before.system))


def peak_growth(job: Callable[[], object]) -> int:
    """Bytes by which the resident memory of this process grows at its peak while the job runs (Linux)."""

    def status(name: str) -> int:
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) * 1024

    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = status("VmRSS")
    job()
    return status("VmHWM") - before


def compare(
    benchmark: Any,
    jobs: Mapping[str, Callable[[], object]],
    prepare: Callable[[], None],
    rounds: int,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Turn]:
    """Runs every job `rounds` times, in turn and every other round backwards; returns the medians.

    `prepare` runs before each job and `check` after it, untimed. The job called `dataflow` is the one pytest-benchmark
    shows; the others are in its extra info, as ratios: above 1, DataFlow is the faster one.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in jobs}

    def round_of_all() -> None:
        names = list(jobs) if len(turns["dataflow"]) % 2 == 0 else list(jobs)[::-1]
        for name in names:
            prepare()
            turns[name].append(timed(jobs[name]))
            check()

    for job in jobs.values():  # warm-up
        prepare()
        job()
        check()
    print()
    benchmark.pedantic(round_of_all, rounds=rounds, iterations=1)
    medians = {
        name: Turn(statistics.median(t.wall for t in taken), statistics.median(t.cpu for t in taken))
        for name, taken in turns.items()
    }
    ours = medians["dataflow"]
    for name, median in medians.items():
        ratio = median.wall / ours.wall
        benchmark.extra_info[name] = f"{median.wall:.3f} s, {median.cpu:.2f} s CPU, dataflow is {ratio:.2f} x"
        print(
            f"  {name:<12} {median.wall:7.3f} s wall  {median.cpu:6.2f} s client CPU  dataflow is {ratio:.2f} x as fast"
        )
    return medians


def taking_turns(jobs: Mapping[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """Median seconds of short calls, each job's after the other's, every other time backwards; a tenth is warm-up."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(calls + calls // 10):
        for name in list(jobs)[:: 1 if turn % 2 else -1]:
            started = time.perf_counter()
            jobs[name]()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken[calls // 10 :]) for name, taken in times.items()}


async def awaiting_turns(jobs: Mapping[str, Callable[[], Awaitable[object]]], calls: int) -> dict[str, float]:
    """`taking_turns`, awaited."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(calls + calls // 10):
        for name in list(jobs)[:: 1 if turn % 2 else -1]:
            started = time.perf_counter()
            await jobs[name]()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken[calls // 10 :]) for name, taken in times.items()}


def report(what: str, medians: Mapping[str, float]) -> None:
    """Prints the medians of short calls, as microseconds and as ratios."""
    ours = medians["dataflow"]
    shown = (f"{name} {seconds * 1e6:.0f} us ({seconds / ours:.2f} x)" for name, seconds in medians.items())
    print(f"  {what}: {'  '.join(shown)}")
