"""An exchange that nothing disturbed, and what a cut of it must do."""

from collections.abc import Sequence

from tests.faults.cut import Cut
from tests.faults.framing import Direction
from tests.faults.proxy import Record


class Recorded:
    """The messages of an exchange on its connection, in the order in which the proxy saw them."""

    def __init__(self, messages: Sequence[Record]) -> None:
        self.types: dict[Direction, list[str]] = {
            "client": [message.type for message in messages if message.direction == "client"],
            "server": [message.type for message in messages if message.direction == "server"],
        }
        self._answers = [message.direction for message in reversed(messages)].index("client")

    def total(self, direction: Direction) -> int:
        return len(self.types[direction])

    def survives(self, cut: Cut) -> bool:
        """Whether the caller is answered as if nothing had been cut.

        A pool that asks first whether the connection lives takes another one; nobody waits for the answer to a close;
        and what breaks after the last answer breaks an idle connection.
        """
        first, last = cut.index == 1, cut.index == self.total(cut.direction)
        asked = first and self.types["client"][0] == "ping"
        if cut.direction == "client":
            return asked or (last and self.types["client"][-1] == "close")
        return (asked and cut.when == "before") or (last and cut.when == "after")

    def is_answer_to_the_end(self, cut: Cut) -> bool:
        """Whether the message is of the server and answers the last one of the client."""
        index = cut.index or 0
        return cut.direction == "server" and index > self.total("server") - self._answers
