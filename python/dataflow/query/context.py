"""In which transaction and for which tenant an operation runs: inherited by await, tasks and `asyncio.to_thread`."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction, isgeneratorfunction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, cast

from dataflow.errors import InvalidOptionError, InvalidTenantError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataflow.query.transaction import Transaction

__all__ = ["Scope", "State", "is_unicode"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def is_unicode(text: str) -> bool:
    """Whether it can be encoded: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class State(NamedTuple):
    """What holds here and now."""

    transaction: Transaction | None = None
    tenant: str | None = None


_NONE = State()
# One variable for all: a variable for each `DataFlow` would live as long as any context that has seen it.
_states: ContextVar[Mapping[int, State]] = ContextVar("dataflow", default=MappingProxyType({}))
_numbers = itertools.count()


class Scope:
    """The state of one `DataFlow` in the current context."""

    def __init__(self) -> None:
        self._number = next(_numbers)

    @property
    def state(self) -> State:
        return _states.get().get(self._number, _NONE)

    def enter(self, state: State) -> State:
        """Sets the state and returns the one before, to be given back by `leave`."""
        before = self.state
        _states.set({**_states.get(), self._number: state})
        return before

    def leave(self, before: State) -> None:
        """Puts a state back. No token: an async fixture is left in another context than it was entered in."""
        states = {**_states.get(), self._number: before}
        if before == _NONE:
            del states[self._number]
        _states.set(states)

    @contextmanager
    def tenant(self, name: str) -> Iterator[None]:
        if not isinstance(name, str):
            raise InvalidTenantError(f"a tenant is a str, got {type(name).__name__}", path="tenant")
        if not is_unicode(name):
            raise InvalidTenantError("a tenant is a text without lone surrogates", path="tenant")
        with self.hold(self.state._replace(tenant=name)):
            yield

    @contextmanager
    def hold(self, state: State) -> Iterator[None]:
        before = self.enter(state)
        try:
            yield
        finally:
            self.leave(before)

    def bind(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """The function in the state of now, wherever it is called, and what it returns wherever that is awaited.

        Raises:
            InvalidOptionError: It is a generator function, whose body runs long after the call.
        """
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            hint = "bind the functions that it calls"
            raise InvalidOptionError("a generator function cannot be bound", path="function", hint=hint)
        state = self.state
        if iscoroutinefunction(function):
            return cast("Callable[_P, _R]", self._bind_async(function, state))

        @wraps(function)
        def bound(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with self.hold(state):
                result = function(*args, **kwargs)
            return cast("_R", self._bind_result(result, state)) if isawaitable(result) else result

        return bound

    async def _bind_result(self, result: Awaitable[Any], state: State) -> Any:
        """A coroutine runs when it is awaited, perhaps elsewhere: `bind(lambda: table.acount())`."""
        with self.hold(state):
            return await result

    def _bind_async(self, function: Callable[_P, Awaitable[Any]], state: State) -> Callable[_P, Awaitable[Any]]:
        @wraps(function)
        async def bound(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            with self.hold(state):
                return await function(*args, **kwargs)

        return bound
