"""A loopback TCP proxy that counts the messages of a database connection and cuts it at a chosen one.

One asyncio loop in one thread owns every socket: a socket that another thread still reads would not be reset by closing
it, since the kernel keeps it alive until that read returns.
"""

import asyncio
import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from tests.faults.cut import Cut, How, Plan
from tests.faults.framing import FRAMINGS, Direction, Message, Protocol

HOST, DISGUISE = "127.0.0.1", "127.0.0.2"
CHUNK_BYTES = 256 * 1024
SENT_TIMEOUT_S = 2.0


class Record(NamedTuple):
    """A message the proxy has seen, without its content; connections count from 1."""

    connection: int
    direction: Direction
    type: str
    size: int


class Proxy:
    """Forwards `host:port` on its own `port`; plan cuts at any time, from any thread.

    A client can tell that it talks to a proxy: a PostgreSQL server knows another port than the client. `disguised`, the
    proxy has the server's port on another loopback address (which needs Linux).

    Attributes:
        messages: Every message seen, in the proxy's order, also the one cut off.
        cuts: The messages at which a connection was cut; a test asserts on it that its fault did happen.
    """

    def __init__(self, host: str, port: int, protocol: Protocol, *, disguised: bool = False) -> None:
        self.host = DISGUISE if disguised else HOST
        self.port = port if disguised else 0
        self.protocol = protocol
        self.messages: list[Record] = []
        self.cuts: list[Record] = []
        self._upstream = (host, port)
        self._plans: list[Plan] = []
        self._connections = 0
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{protocol}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10), "the proxy did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the proxy did not stop"

    def plan(self, *cuts: Cut) -> None:
        """Add cuts; each starts counting now."""
        self._plans = [*self._plans, *map(Plan, cuts)]

    def clear(self) -> None:
        """Forget plans and records; connections stay as they are."""
        self._plans, self.messages, self.cuts = [], [], []

    def url(self, server_url: str) -> str:
        """The same URL with this proxy in place of the server."""
        parts = urlsplit(server_url)
        login = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{login}@{self.host}:{self.port}").geturl()

    def count(self, direction: Direction, connection: int = 1) -> int:
        """Messages seen in one direction of a connection."""
        return sum(m.direction == direction and m.connection == connection for m in self.messages)

    @property
    def open(self) -> int:
        """Connections that are open."""
        return len(self._tasks)

    def wait_closed(self, connection: int | None = None, timeout_s: float = 10.0) -> None:
        """Until this connection, or every one, is closed; a client's close returns before its goodbye is seen here."""
        deadline = time.monotonic() + timeout_s
        while self._tasks if connection is None else connection in self._tasks:
            assert time.monotonic() < deadline, f"{len(self._tasks)} connections are open, last {self.messages[-3:]}"
            time.sleep(0.001)

    def due(self, message: Message) -> Cut | None:
        """Record the message; the cut that ends its connection, if any."""
        record = Record(message.connection, message.direction, message.type, message.size)
        self.messages.append(record)
        due = [plan.cut for plan in self._plans if plan.is_due(message)]
        if due:
            self.cuts.append(record)
        return due[0] if due else None

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections += 1
        client, number = Peer(reader, writer), self._connections
        self._tasks[number] = task
        try:
            server = Peer(*await asyncio.open_connection(*self._upstream))
            await Link(self, number, client, server).forward()
        except OSError:
            await client.close("rst")
        except asyncio.CancelledError:
            pass  # the proxy stops; raising would make asyncio log it
        finally:
            del self._tasks[number]


class Peer:
    """One socket of the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._socket: socket.socket = writer.get_extra_info("socket")

    async def read(self) -> bytes:
        return await self._reader.read(CHUNK_BYTES)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def sent(self) -> None:
        """Wait until the other side's kernel has all: a reset throws away what is still in our send queue."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(SENT_TIMEOUT_S):
                while self._writer.transport.get_write_buffer_size() or self._queued_bytes():
                    await asyncio.sleep(0.001)

    async def close(self, how: How) -> None:
        """End by FIN or RST, after what was written."""
        await self.sent()
        with suppress(OSError):
            if how == "fin":
                self._writer.write_eof()
                self._writer.close()
            else:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._writer.transport.abort()
            await self._writer.wait_closed()

    def abort(self) -> None:
        self._writer.transport.abort()

    def _queued_bytes(self) -> int:
        answer = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(answer, "little")


class Link:
    """One client connection and its connection to the server."""

    def __init__(self, proxy: Proxy, number: int, client: Peer, server: Peer) -> None:
        self._proxy, self._number = proxy, number
        self._client, self._server = client, server
        self._framing = FRAMINGS[proxy.protocol]()
        self._cut: Cut | None = None

    async def forward(self) -> None:
        """Forward both ways until one way ends, then end both in the same manner."""
        pumps = [
            asyncio.create_task(self._pump("client", self._client, self._server)),
            asyncio.create_task(self._pump("server", self._server, self._client)),
        ]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            how = done.pop().result() if self._cut is None else self._cut.how
            await self._end(how, pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            self._client.abort()
            self._server.abort()

    async def _end(self, how: How, pumps: list[asyncio.Task[How]]) -> None:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        if how == "silence":
            await asyncio.Event().wait()  # until the proxy stops
        await asyncio.gather(self._client.close(how), self._server.close(how))

    async def _pump(self, direction: Direction, source: Peer, target: Peer) -> How:
        """Forward whole messages from source to target; how the connection is to end."""
        try:
            while self._cut is None and (chunk := await source.read()):
                await target.write(b"".join(self._take(direction, chunk)))
        except OSError:
            return "rst"
        if self._cut is not None:
            await target.sent()
        return "fin"

    def _take(self, direction: Direction, chunk: bytes) -> Iterator[bytes]:
        """The complete messages to forward, up to a cut; a cut in one direction ends the other one too."""
        for kind, data in self._framing.feed(direction, chunk):
            if self._cut is not None:
                return
            self._cut = self._proxy.due(Message(self._number, direction, kind, data))
            if self._cut is None or self._cut.when == "after":
                yield data
