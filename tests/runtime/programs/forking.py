"""Forks of a process that has used DataFlow, or not yet."""

import asyncio
import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from dataflow import DataFlowError
from tests.runtime.programs.stage import listen, open_database, play, say, tell_story, use_database

Answer = dict[str, Any]
PATIENCE_S = 5


def try_it(use: Callable[[], object]) -> Answer:
    """What comes of it in this process, and after how many seconds."""
    began = time.monotonic()
    answer: Answer = {"pid": os.getpid(), "kind": None, "message": ""}
    try:
        use()
    except DataFlowError as error:
        answer |= {"kind": error.kind, "message": error.message}
    return answer | {"seconds": time.monotonic() - began}


def ask_child(use: Callable[[], object]) -> Answer:
    """The answer of a child of `os.fork`; a child that hangs is ended by its alarm."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(PATIENCE_S)
        os.write(writer, json.dumps(try_it(use)).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answers:
        text = answers.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return json.loads(text) if text else {"pid": pid, "kind": f"exit code {code}", "message": "", "seconds": PATIENCE_S}


def answer_into(connection: Any, use: Callable[[], object]) -> None:
    signal.alarm(PATIENCE_S)
    connection.send(try_it(use))


def run_process(process: BaseProcess) -> int | None:
    process.start()
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def ask_worker(use: Callable[[], object]) -> Answer:
    """The same by multiprocessing with the method `fork`."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    code = run_process(context.Process(target=answer_into, args=(sender, use)))
    found: Answer = receiver.recv() if receiver.poll() else {"kind": f"exit code {code}", "seconds": PATIENCE_S}
    return found


def ask_all(url: str, use: Callable[[], object], repeats: int) -> None:
    answers = [(ask_child, ask_worker)[turn % 2](use) for turn in range(repeats)]
    tell_story({"pid": os.getpid(), "answers": answers})


def after_sync_use(url: str, repeats: str) -> None:
    _, items = use_database(url)
    ask_all(url, items.count, int(repeats))


def after_async_use(url: str, repeats: str) -> None:
    _, items = open_database(url)
    asyncio.run(items.acreate(name="first"))
    ask_all(url, lambda: asyncio.run(items.acount()), int(repeats))


def with_a_new_database(url: str, repeats: str) -> None:
    use_database(url)
    ask_all(url, lambda: open_database(url)[1].count(), int(repeats))


def inside_a_transaction(url: str, repeats: str) -> None:
    db, items = use_database(url)
    with db.transaction():
        items.create(name="second")
        ask_all(url, items.count, int(repeats))
    assert items.count() == 2


def while_threads_work(url: str, repeats: str) -> None:
    _, items = use_database(url)
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            items.count()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        ask_all(url, items.count, int(repeats))
    finally:
        over.set()
        for thread in threads:
            thread.join()


def before_first_use(url: str, repeats: str) -> None:
    _, items = open_database(url)
    answers = [(ask_child, ask_worker)[turn % 2](items.count) for turn in range(int(repeats))]
    answers.append(try_it(items.count))
    tell_story({"pid": os.getpid(), "answers": answers})


def count_in_new_interpreter(url: str) -> None:
    assert open_database(url)[1].count() == 1


def by_spawn(url: str) -> None:
    use_database(url)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=count_in_new_interpreter, args=(url,))
    tell_story({"code": run_process(process)})


def leaves(url: str, repeats: str) -> None:
    """Children that free all they inherited and exit as any program does; after each the parent goes on."""
    db, items = use_database(url)
    opened: list[dict[str, object]] = []
    db.on("pool", opened.append)
    say("used")
    listen("fork")
    codes = []
    for _ in range(int(repeats)):
        pid = os.fork()
        if pid == 0:
            signal.alarm(PATIENCE_S)
            del db, items
            gc.collect()
            sys.exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        items.create(name="and on")
    say("done")
    listen("end")
    tell_story({"codes": codes, "count": items.count(), "pool": opened})


def leaves_without_a_word(url: str, repeats: str) -> None:
    """The same with a table that outlives its `DataFlow`: it alone holds the connections."""
    items = use_database(url)[1]
    gc.collect()
    say("used")
    listen("fork")
    codes = []
    for _ in range(int(repeats)):
        pid = os.fork()
        if pid == 0:
            signal.alarm(PATIENCE_S)
            del items
            gc.collect()
            sys.exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        items.create(name="and on")
    say("done")
    listen("end")
    tell_story({"codes": codes, "count": items.count(), "pool": []})


def leaves_an_awaited_operation(url: str, repeats: str) -> None:
    """A child of a process whose task waits for the database frees the operation; the parent's goes on."""
    _, items = use_database(url)
    say("used")
    listen("fork")
    codes = []

    async def main() -> None:
        for _ in range(int(repeats)):
            task = asyncio.create_task(items.acreate(name="and on"))
            await asyncio.sleep(0)
            pid = os.fork()
            if pid == 0:
                signal.alarm(PATIENCE_S)
                task.get_coro().close()  # type: ignore[union-attr]
                os._exit(0)
            await task
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    asyncio.run(main())
    say("done")
    listen("end")
    tell_story({"codes": codes, "count": items.count(), "pool": []})


if __name__ == "__main__":
    play(
        {
            scene.__name__: scene
            for scene in (
                after_async_use,
                after_sync_use,
                before_first_use,
                by_spawn,
                inside_a_transaction,
                leaves,
                leaves_an_awaited_operation,
                leaves_without_a_word,
                while_threads_work,
                with_a_new_database,
            )
        }
    )
