"""A server that asks for a file of this machine gets nothing, and no further word."""

import socket
import struct
import threading
from contextlib import closing

import pytest

from dataflow import DataFlow, errors

# PROTOCOL_41, CONNECT_WITH_DB, LOCAL_FILES, SECURE_CONNECTION, PLUGIN_AUTH
CAPABILITIES = 0x200 | 0x8 | 0x80 | 0x8000 | 0x80000
GREETING = (
    b"\x0a10.11.0-MariaDB\0"
    + struct.pack("<I", 1)
    + b"saltsalt\0"
    + struct.pack("<HBHHB", CAPABILITIES & 0xFFFF, 45, 2, CAPABILITIES >> 16, 21)
    + bytes(10)
    + b"saltsaltsalt\0mysql_native_password\0"
)
OK = b"\0\0\0\x02\0\0\0"
QUERY = b"\x03"


class HostileServer(threading.Thread):
    """Lets anybody in and answers the first statement with the wish for a file; keeps what it is sent then."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.first = b""
        self.rest: bytes | None = None

    def run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(10)
            self._send(connection, 0, GREETING)
            self._packet(connection)
            self._send(connection, 2, OK)
            self.first = self._packet(connection)
            self._send(connection, 1, b"\xfb/etc/passwd")
            self.rest = b"".join(iter(lambda: connection.recv(4096), b""))
        self._listener.close()

    def _send(self, connection: socket.socket, sequence: int, payload: bytes) -> None:
        connection.sendall(struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload)

    def _packet(self, connection: socket.socket) -> bytes:
        header = connection.recv(4, socket.MSG_WAITALL)
        return connection.recv(int.from_bytes(header[:3], "little"), socket.MSG_WAITALL)


def test_a_server_that_asks_for_a_file_gets_none() -> None:
    server = HostileServer()
    server.start()
    url = f"mysql://user:secret@127.0.0.1:{server.port}/database?sslmode=disable"
    with closing(DataFlow(url, schema_mode="off")) as db:

        @db.model
        class Item:
            name: str

        with pytest.raises(errors.ConnectionRefusedError):
            db.table(Item).count()
        server.join(timeout=10)
    assert server.first.startswith(QUERY)
    assert server.rest == b""
