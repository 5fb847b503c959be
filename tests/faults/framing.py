"""Where the messages of the two wire protocols begin and end, and what to call them; their content is not decoded.

PostgreSQL: https://www.postgresql.org/docs/current/protocol-message-formats.html
MySQL: https://mariadb.com/kb/en/0-packet/
TLS and compression hide the messages; the test servers offer neither.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

Direction = Literal["client", "server"]
Protocol = Literal["postgres", "mysql"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way: `direction` says who sent it, `data` is all of it, header included."""

    connection: int
    direction: Direction
    type: str
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def body(self) -> bytes:
        """Without length and type, five bytes in both protocols; a length byte can look like a letter."""
        return self.data[5:]

    @property
    def ends_statement(self) -> bool:
        """Whether the server says here that a statement was executed or failed.

        PostgreSQL: CommandComplete or ErrorResponse. MySQL: any first answer, of which there is one a command.
        """
        return self.direction == "server" and self.type in {"C", "E", "ok", "err", "eof", "infile", "packet"}


class Framing(ABC):
    """Cuts the two byte streams of one connection into messages; one object sees both, as types depend on both."""

    def __init__(self) -> None:
        self._buffers: dict[Direction, bytearray] = {"client": bytearray(), "server": bytearray()}

    def feed(self, direction: Direction, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """Type and bytes of every message that is complete with `chunk`."""
        buffer = self._buffers[direction]
        buffer += chunk
        while buffer and len(buffer) >= (size := self._size(direction, buffer)):
            data = bytes(buffer[:size])
            del buffer[:size]
            yield self._type(direction, data), data

    @abstractmethod
    def _size(self, direction: Direction, buffer: bytearray) -> int:
        """Bytes of the message at the start of the buffer, or of its header while that is not complete."""

    @abstractmethod
    def _type(self, direction: Direction, data: bytes) -> str:
        """A short name; where the protocol has a letter, that letter."""


class PostgresFraming(Framing):
    """Type letter and length, except for what comes before the startup message: no letter, one-byte answers."""

    _BEFORE_STARTUP: ClassVar = {80877102: "cancel", 80877103: "ssl", 80877104: "gss"}

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._bare_answers = 0

    def _size(self, direction: Direction, buffer: bytearray) -> int:
        if direction == "server" and self._bare_answers:
            return 1
        header = 5 if self._started or direction == "server" else 4
        return max(header, header - 4 + int.from_bytes(buffer[header - 4 : header]))

    def _type(self, direction: Direction, data: bytes) -> str:
        if direction == "server" and self._bare_answers:
            self._bare_answers -= 1
            return "refused"
        if direction == "server" or self._started:
            return chr(data[0])
        name = self._BEFORE_STARTUP.get(int.from_bytes(data[4:8]), "startup")
        self._bare_answers += name in ("ssl", "gss")
        self._started = name == "startup"
        return name


class MySqlFraming(Framing):
    """Three bytes of length, one of sequence; a packet of 16 MB is followed by the rest of its payload."""

    _COMMANDS: ClassVar = {
        0x01: "quit",
        0x02: "init_db",
        0x03: "query",
        0x0E: "ping",
        0x16: "prepare",
        0x17: "execute",
        0x18: "long_data",
        0x19: "close",
        0x1F: "reset",
    }
    _ANSWERS: ClassVar = {0x00: "ok", 0xFB: "infile", 0xFF: "err"}

    def _size(self, direction: Direction, buffer: bytearray) -> int:
        return 4 + int.from_bytes(buffer[:3], "little")

    def _type(self, direction: Direction, data: bytes) -> str:
        if len(data) == 4:
            return "empty"
        first, sequence = data[4], data[3]
        if direction == "client":
            return self._COMMANDS.get(first, f"0x{first:02x}") if sequence == 0 else "packet"
        if sequence == 0:
            return "greeting"
        if first == 0xFE and len(data) < 13:
            return "eof"
        return self._ANSWERS.get(first, "packet")


FRAMINGS: dict[Protocol, type[Framing]] = {"postgres": PostgresFraming, "mysql": MySqlFraming}
