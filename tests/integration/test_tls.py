"""TLS to PostgreSQL, with libpq's meaning of `sslmode`."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dataflow import DataFlow, errors
from tests.servers import PostgreSQL

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_certificates(folder: Path) -> None:
    """`ca.pem`, and `server.crt` signed by it for the name localhost alone; `other.pem` has signed nothing."""
    for name in ("ca", "other"):
        openssl(
            "req",
            "-x509",
            *KEY,
            "-subj",
            f"/CN={name}",
            "-keyout",
            folder / f"{name}.key",
            "-out",
            folder / f"{name}.pem",
        )
    request, names = folder / "server.csr", folder / "names"
    openssl("req", "-new", *KEY, "-subj", "/CN=localhost", "-keyout", folder / "server.key", "-out", request)
    names.write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    signing = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2"]
    openssl("x509", "-req", "-in", request, *signing, "-extfile", names, "-out", folder / "server.crt")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgreSQL, Path]]:
    """A server that offers TLS, and the folder of its certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    with PostgreSQL() as server:
        data = server.directory / "data"
        for name in ("server.crt", "server.key"):
            placed = Path(shutil.copy(folder / name, data / name))
            placed.chmod(0o600)
            shutil.chown(placed, data.owner(), data.group())
        with psycopg.connect(server.admin_url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET ssl = on")
        server.restart_immediate()
        yield server, folder


def is_encrypted(server: PostgreSQL, host: str, parameters: str) -> bool:
    """Whether a connection with these URL parameters is encrypted, by what the server says of it."""
    url = server.url.replace(server.host, host) + f"?application_name=tls&{parameters}"
    with DataFlow(url) as db:
        db.capabilities()
        asked = "SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'tls'"
        with psycopg.connect(server.admin_url) as admin:
            found = admin.execute(asked).fetchall()
    assert len(found) == 1
    return bool(found[0][0])


@pytest.mark.parametrize(("mode", "encrypted"), [("disable", False), ("prefer", True), ("require", True)])
def test_a_mode_without_verification_only_decides_on_encryption(
    secure: tuple[PostgreSQL, Path], mode: str, encrypted: bool
) -> None:
    assert is_encrypted(secure[0], "127.0.0.1", f"sslmode={mode}") is encrypted


@pytest.mark.parametrize(("mode", "host"), [("verify-full", "localhost"), ("verify-ca", "127.0.0.1")])
def test_a_certificate_of_the_named_authority_is_taken(secure: tuple[PostgreSQL, Path], mode: str, host: str) -> None:
    server, folder = secure
    assert is_encrypted(server, host, f"sslmode={mode}&sslrootcert={folder}/ca.pem")


@pytest.mark.parametrize(
    ("mode", "host", "authority"),
    [
        ("verify-full", "127.0.0.1", "ca"),  # the certificate is for localhost
        ("verify-full", "localhost", "other"),
        ("verify-ca", "127.0.0.1", "other"),
    ],
)
def test_another_name_or_authority_is_refused(
    secure: tuple[PostgreSQL, Path], mode: str, host: str, authority: str
) -> None:
    server, folder = secure
    with pytest.raises(errors.ConnectionRefusedError) as caught:
        is_encrypted(server, host, f"sslmode={mode}&sslrootcert={folder}/{authority}.pem")
    assert server.password not in str(caught.value)


def test_require_with_a_named_authority_asks_it(secure: tuple[PostgreSQL, Path]) -> None:
    server, folder = secure
    assert is_encrypted(server, "127.0.0.1", f"sslmode=require&sslrootcert={folder}/ca.pem")
    with pytest.raises(errors.ConnectionRefusedError):
        is_encrypted(server, "127.0.0.1", f"sslmode=require&sslrootcert={folder}/other.pem")


@pytest.mark.parametrize("parameter", ["options=-c%20x=1", "application_name=a", "pgbouncer=true", "pgbouncer=maybe"])
def test_a_parameter_that_would_do_nothing_is_refused(parameter: str) -> None:
    with pytest.raises(errors.InvalidOptionError):
        DataFlow(f"mysql://u:p@127.0.0.1/d?{parameter}")


def test_a_missing_authority_file_is_named_as_the_problem(secure: tuple[PostgreSQL, Path]) -> None:
    with pytest.raises(errors.InvalidOptionError, match="root certificates"):
        is_encrypted(secure[0], "localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem")
