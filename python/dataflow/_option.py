"""The table of options: what each takes, and whether it is built."""

import math
from collections.abc import Mapping
from typing import Any

from dataflow._spelling import suggest
from dataflow.errors import InvalidOptionError

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class Option:
    """One option. The base class is for those that are known and not built: they are never checked."""

    built = False

    def __init__(self, default: Any = None) -> None:
        self.default = default

    def check(self, value: object, path: str) -> object:
        """The value as the engine takes it, or `InvalidOptionError`."""
        raise NotImplementedError

    def read(self, text: str, path: str) -> object:
        """The value of an environment variable, still to be checked."""
        raise NotImplementedError


class Flag(Option):
    built = True

    def check(self, value: object, path: str) -> object:
        if not isinstance(value, bool):
            raise _wrong(path, "True or False", value)
        return value

    def read(self, text: str, path: str) -> object:
        word = text.strip().lower()
        if word not in _TRUE | _FALSE:
            raise InvalidOptionError(f"{path} must be true or false", path=path)
        return word in _TRUE


class Count(Option):
    built = True
    most = 10_000

    def check(self, value: object, path: str) -> object:
        wanted = f"an int from 1 to {self.most}"
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(path, wanted, value)
        if not 1 <= value <= self.most:
            raise InvalidOptionError(f"{path} must be {wanted}", path=path)
        return value

    def read(self, text: str, path: str) -> object:
        try:
            return int(text)
        except ValueError:
            raise InvalidOptionError(f"{path} must be an int from 1 to {self.most}", path=path) from None


class Seconds(Option):
    built = True
    most = 86_400.0  # a day: a longer wait is a unit mistaken for milliseconds

    def check(self, value: object, path: str) -> object:
        return self.read_number(value, path)

    def read_number(self, value: object, path: str) -> float:
        """The seconds, or `InvalidOptionError`."""
        wanted = f"a number of seconds above 0, at most {self.most:.0f}"
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _wrong(path, wanted, value)
        if not (math.isfinite(value) and 0 < value <= self.most):
            raise InvalidOptionError(f"{path} must be {wanted}", path=path)
        return float(value)

    def read(self, text: str, path: str) -> object:
        try:
            return float(text)
        except ValueError:
            raise InvalidOptionError(f"{path} must be a number of seconds", path=path) from None


class Choice(Option):
    built = True

    def __init__(self, default: str, *names: str) -> None:
        super().__init__(default)
        self.names = (default, *names)

    def check(self, value: object, path: str) -> object:
        if not isinstance(value, str):
            raise _wrong(path, f"one of {', '.join(self.names)}", value)
        if value not in self.names:
            message = f"{path} must be one of {', '.join(self.names)}"
            raise InvalidOptionError(message, path=path, hint=suggest(value, self.names))
        return value

    def read(self, text: str, path: str) -> object:
        return text.strip()


class Name(Option):
    built = True
    most = 63  # PostgreSQL cuts an application_name there

    def check(self, value: object, path: str) -> object:
        if value is None:
            return None
        if not isinstance(value, str):
            raise _wrong(path, "a str", value)
        if not (value and value.isprintable() and len(value.encode()) <= self.most):
            raise InvalidOptionError(f"{path} must be a printable text of 1 to {self.most} bytes", path=path)
        return value

    def read(self, text: str, path: str) -> object:
        return text


class Secret(Option):
    """A text that is in no message."""

    built = True
    least = 32  # characters: as hexadecimal digits 128 bits

    def check(self, value: object, path: str) -> object:
        if value is None:
            return None
        if not isinstance(value, str):
            raise _wrong(path, "a str", value)
        if len(value) < self.least or not value.isprintable():
            message = f"{path} must be a printable text of {self.least} characters or more"
            raise InvalidOptionError(message, path=path, hint="make one by `secrets.token_hex()` and keep it")
        return value

    def read(self, text: str, path: str) -> object:
        return text


class Function(Option):
    built = True

    def check(self, value: object, path: str) -> object:
        if value is not None and not callable(value):
            raise _wrong(path, "a function", value)
        return value

    def read(self, text: str, path: str) -> object:
        raise InvalidOptionError(f"{path} is given as an argument, not in the environment", path=path)


def _wrong(path: str, wanted: str, value: object) -> InvalidOptionError:
    return InvalidOptionError(f"{path} must be {wanted}, got {type(value).__name__}", path=path)


OPTIONS: Mapping[str, Option] = {
    "acquire_timeout": Seconds(30.0),
    "application_name": Name(),
    "cache_ttl": Option(),
    "clock": Function(),
    "connect_timeout": Seconds(10.0),
    "enable_query_cache": Option(),
    "idle_timeout": Seconds(60.0),
    "monitoring": Option(),
    "multi_tenant": Flag(False),
    "naive": Option(),
    "pgbouncer": Flag(False),
    "pool_size": Count(10),
    "read_replicas": Option(),
    "schema_mode": Choice("create", "check", "off"),
    "secret_key": Secret(),
    "statement_cache": Flag(True),
}
