"""What every program stands on: a database with one model, a word to the test, a word from it."""

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from dataflow import DataFlow, Table, auto


class Item:
    id: int = auto()
    name: str


def open_database(url: str, **options: Any) -> tuple[DataFlow, Table[Item]]:
    """A new `DataFlow`, nothing sent yet."""
    db = DataFlow(url, **options)
    return db, db.table(db.model(Item))


def use_database(url: str, **options: Any) -> tuple[DataFlow, Table[Item]]:
    """The same after its first write: the table is there and one connection is open."""
    db, items = open_database(url, **options)
    items.create(name="first")
    return db, items


def say_when_in_use(db: DataFlow, word: str) -> None:
    """Says it once a connection is in use: where the file is locked, that one waits for it."""
    say_when(lambda: db.pool_status()["open"] > db.pool_status()["idle"], word)


def say_when(condition: Callable[[], bool], word: str) -> None:
    """Says it from a thread of its own, as soon as the condition holds."""

    def watch() -> None:
        while not condition():
            time.sleep(0.005)
        say(word)

    threading.Thread(target=watch, daemon=True).start()


def say(word: str) -> None:
    print(word, flush=True)


def listen(word: str) -> None:
    """Waits until the test tells this word."""
    assert sys.stdin.readline() == f"{word}\n"


def tell_story(story: object) -> None:
    """The last line of a program."""
    print(json.dumps(story), flush=True)


def play(scenes: Mapping[str, Callable[..., None]]) -> None:
    """Runs the scene that the command line names."""
    name, *arguments = sys.argv[1:]
    scenes[name](*arguments)
