"""Settings of a `DataFlow`: arguments, then the environment, then defaults. Nothing unknown is ignored."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict

from dataflow._option import OPTIONS
from dataflow._spelling import not_built, suggest
from dataflow.errors import InvalidOptionError, UnknownEnvironmentError, UnknownOptionError, UnknownSchemeError

__all__ = ["DEFAULT_URL", "Options", "Settings", "resolve"]

DEFAULT_URL = "sqlite:///dataflow.db"
_PREFIX = "DATAFLOW_"
_SCHEMES = ("mariadb", "mysql", "postgres", "postgresql", "sqlite")


class Options(TypedDict, total=False):
    """The options of `DataFlow(url, **options)`. Each is also read from `DATAFLOW_<OPTION>`.

    Attributes:
        pool_size: Most connections of this process, 1 to 10,000; they are opened on demand. Default 10.
        acquire_timeout: Seconds to wait for a free connection. Default 30.
        connect_timeout: Seconds to wait for a new connection. Default 10.
        idle_timeout: Seconds after which an idle connection is closed. Default 60.
        statement_cache: Whether prepared statements are kept a connection. Default True.
        pgbouncer: Whether a PgBouncer in transaction mode is between: nothing is kept on a connection. Default False.
        schema_mode: `create` makes missing tables and columns, `check` only compares, `off` does neither.
        multi_tenant: What a model is that does not say it. Default False.
        application_name: Name of this program as the server shows it.
        clock: What gives the time of `created_at`, `updated_at` and `deleted_at`: a function without arguments that
            returns an aware datetime. Default the system's clock.
        secret_key: What the cursors of pages are sealed with, 32 characters or more (`secrets.token_hex()`), the same
            for all processes that share cursors; those of one database (its kind and its name, or the name of the
            file) open in no other. Default a key that the database keeps in `dataflow_meta`; where
            DataFlow may not write it there (`schema_mode`, rights of the login, `sqlite:///:memory:`), each process has
            its own.
        read_replicas: Not built yet.
        monitoring: Not built yet.
        enable_query_cache: Not built yet.
        cache_ttl: Not built yet.
        naive: Not built yet.
    """

    pool_size: int
    acquire_timeout: float
    connect_timeout: float
    idle_timeout: float
    statement_cache: bool
    pgbouncer: bool
    schema_mode: Literal["create", "check", "off"]
    multi_tenant: bool
    application_name: str | None
    clock: Callable[[], datetime] | None
    secret_key: str | None
    read_replicas: Sequence[str] | None
    monitoring: bool | None
    enable_query_cache: bool | None
    cache_ttl: float | None
    naive: Literal["UTC"] | None


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked URL and a value for every option that is built."""

    url: str = field(repr=False)  # may hold a password
    scheme: str
    values: Mapping[str, Any] = field(repr=False)  # has the secret key

    @property
    def multi_tenant(self) -> bool:
        """What a model is that does not say it."""
        return bool(self.values["multi_tenant"])

    def engine_options(self) -> dict[str, object]:
        """The options as the compiled engine takes them; times in float seconds."""
        return {name: value for name, value in self.values.items() if name != "clock"}

    @property
    def clock(self) -> Callable[[], datetime] | None:
        """What gives the time; None for the system's clock."""
        clock: Callable[[], datetime] | None = self.values["clock"]
        return clock


def resolve(url: str | None, options: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Finds the URL and every option.

    Args:
        url: The argument; else `DATABASE_URL`, else an SQLite file in the working directory.
        options: The keyword arguments; they win over the environment.
        environ: The environment, usually `os.environ`.

    Raises:
        UnknownOptionError: An argument names no option.
        UnknownEnvironmentError: A variable `DATAFLOW_...` names no option.
        UnknownSchemeError: The URL names no database DataFlow knows.
        InvalidOptionError: A value has the wrong type or lies out of its range.
        NotBuiltError: An option is used whose capability is not built yet.
    """
    found_url, scheme = _read_url(url, environ)
    given = {**_from_environment(environ), **_from_arguments(options)}
    values = {name: given.get(name, option.default) for name, option in OPTIONS.items() if option.built}
    return Settings(found_url, scheme, values)


def _from_arguments(options: Mapping[str, object]) -> dict[str, object]:
    given: dict[str, object] = {}
    for name, value in options.items():
        option = OPTIONS.get(name)
        if option is None:
            raise UnknownOptionError(f"DataFlow has no option `{name}`", path=name, hint=suggest(name, OPTIONS))
        if option.built:
            given[name] = option.check(value, name)
        elif value is not None and value is not False:
            raise not_built(f"the option `{name}`", path=name)
    return given


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    given: dict[str, object] = {}
    for variable, text in environ.items():
        if not variable.startswith(_PREFIX):
            continue
        option = OPTIONS.get(name := variable.removeprefix(_PREFIX).lower())
        if option is None or variable != variable.upper():
            known = [_PREFIX + name.upper() for name in OPTIONS]
            raise UnknownEnvironmentError(
                f"the environment variable {variable} names no option", path=variable, hint=suggest(variable, known)
            )
        if option.built:
            given[name] = option.check(option.read(text, variable), variable)
        elif text.strip().lower() not in ("", "0", "false", "no", "none", "off"):
            raise not_built(f"the option `{name}`", path=variable)
    return given


def _read_url(url: str | None, environ: Mapping[str, str]) -> tuple[str, str]:
    """The URL without `+driver`, and its scheme. No part of a URL but the scheme may enter a message."""
    path = "url" if url is not None else "DATABASE_URL"
    text = url if url is not None else environ.get("DATABASE_URL", DEFAULT_URL)
    if not isinstance(text, str):
        raise InvalidOptionError(f"url must be a str, got {type(text).__name__}", path=path)
    # An empty variable is a lost secret, not a wish for an SQLite file.
    if not text.strip():
        raise InvalidOptionError(f"{path} is empty", path=path, hint="give a URL, or unset it")
    written, separator, rest = text.strip().partition("://")
    scheme = written.lower().partition("+")[0]
    if not separator:
        raise UnknownSchemeError("the URL has no scheme", path=path, hint="a file is written sqlite:///file.db")
    if scheme not in _SCHEMES:
        raise _unknown_scheme(scheme, path)
    return f"{scheme}://{rest}", scheme


def _unknown_scheme(scheme: str, path: str) -> UnknownSchemeError:
    # What stands before `://` in a broken URL may be a password: only what looks like a scheme is repeated.
    if re.fullmatch(r"[a-z][a-z0-9.-]{0,19}", scheme):
        return UnknownSchemeError(f"no database is called `{scheme}`", path=path, hint=suggest(scheme, _SCHEMES))
    return UnknownSchemeError("the URL has no valid scheme", path=path, hint=f"known are {', '.join(_SCHEMES)}")
