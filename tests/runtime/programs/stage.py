"""What every program stands on: a database with one model, a word to the test, a word from it."""

import json
import sys
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
