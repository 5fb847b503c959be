"""The plan of a fault: which message of a connection is its last, and how the connection ends there."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from tests.faults.framing import Direction, Message

Predicate = Callable[[Message], bool]
How = Literal["rst", "fin", "silence"]
When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut a connection before or after forwarding the message that fits all that is given.

    Attributes:
        direction: Who sends the message, "client" or "server".
        index: The n-th fitting message of a connection, from 1, counted from when the cut was planned.
        matches: What the message must fulfil.
        answer_to: Only messages after a message of the other side fulfilling this, until that side's next one.
        when: "before" the message is forwarded, or "after" the receiver's kernel has it.
        how: "rst" resets both sides, "fin" closes both in order, "silence" leaves both open and forwards nothing more.
        connection: The n-th connection of the proxy, from 1; None is any.
        times: How many connections are cut; None is no limit.
    """

    direction: Direction
    index: int | None = None
    matches: Predicate | None = None
    answer_to: Predicate | None = None
    when: When = "before"
    how: How = "rst"
    connection: int | None = None
    times: int | None = 1

    @classmethod
    def answer(cls, statement: bytes, *, how: How = "rst", times: int | None = 1) -> Self:
        """Cut before the server's word that it has executed the client message containing `statement`.

        The server did the work, the client cannot know: planned for b"COMMIT", the outcome of the commit is unknown.
        """
        return cls("server", matches=ends_statement, answer_to=holds(statement), how=how, times=times)


def holds(words: bytes) -> Predicate:
    """Fulfilled by messages that contain these words: COMMIT, but not the SET AUTOCOMMIT of MySQL's clients."""
    pattern = re.compile(rb"\b" + re.escape(words) + rb"\b")
    return lambda message: pattern.search(message.body) is not None


def ends_statement(message: Message) -> bool:
    """Fulfilled by the server's word that a statement was executed or failed."""
    return message.ends_statement


class Plan:
    """A cut and what it has seen so far."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self._left = cut.times
        self._seen: Counter[int] = Counter()
        self._armed: set[int] = set()

    def is_due(self, message: Message) -> bool:
        """Whether the connection of this message ends here; every message must be shown, in order."""
        cut = self.cut
        if self._left == 0 or cut.connection not in (None, message.connection):
            return False
        if message.direction != cut.direction:
            self._arm(message)
            return False
        if cut.answer_to is not None and message.connection not in self._armed:
            return False
        if cut.matches is not None and not cut.matches(message):
            return False
        self._seen[message.connection] += 1
        if cut.index not in (None, self._seen[message.connection]):
            return False
        self._left = None if self._left is None else self._left - 1
        return True

    def _arm(self, message: Message) -> None:
        """Pipelined messages (Parse, Bind, Execute, Sync) count as one request: only a new one disarms."""
        if self.cut.answer_to is not None and self.cut.answer_to(message):
            self._armed.add(message.connection)
        elif message.type in {"Q", "P", "query", "prepare", "execute", "ping"}:
            self._armed.discard(message.connection)
