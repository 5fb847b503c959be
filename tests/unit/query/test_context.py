"""The tenant and transaction of here and now: inherited by tasks, carried into threads, apart by database."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataflow import errors
from dataflow.query.context import Scope, State, _states


@pytest.fixture
def scope() -> Scope:
    return Scope()


def test_a_tenant_holds_inside_and_nests(scope: Scope):
    with scope.tenant("a"):
        with scope.tenant("b"):
            assert scope.state.tenant == "b"
        assert scope.state.tenant == "a"
    assert scope.state == State()


def test_an_exception_ends_it_too(scope: Scope):
    with pytest.raises(ZeroDivisionError), scope.tenant("a"):
        raise ZeroDivisionError
    assert scope.state == State()


def test_nothing_is_left_behind(scope: Scope):
    before = dict(_states.get())
    with scope.tenant("a"):
        pass
    assert dict(_states.get()) == before


def test_two_databases_do_not_share_it(scope: Scope):
    with scope.tenant("a"):
        assert Scope().state == State()


@pytest.mark.parametrize("name", [None, 5, b"a"])
def test_a_tenant_is_a_str(scope: Scope, name: object):
    with pytest.raises(errors.InvalidTenantError), scope.tenant(name):  # type: ignore[arg-type]
        pass


async def test_tasks_and_to_thread_inherit_it_and_keep_their_own(scope: Scope):
    async def child() -> str | None:
        with scope.tenant("child"):
            await asyncio.sleep(0)
            return scope.state.tenant

    with scope.tenant("a"):
        task = asyncio.create_task(child())
        assert await asyncio.to_thread(lambda: scope.state.tenant) == "a"
        assert (await task, scope.state.tenant) == ("child", "a")


def test_a_foreign_thread_has_none_unless_bound(scope: Scope):
    def tenant(suffix: str = "") -> str | None:
        return scope.state.tenant and scope.state.tenant + suffix

    with scope.tenant("a"):
        bound = scope.bind(tenant)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(tenant).result() is None
        assert pool.submit(bound, suffix="!").result() == "a!"
        assert pool.submit(tenant).result() is None


def test_a_bound_coroutine_function_carries_it_while_it_runs(scope: Scope):
    async def tenant() -> str | None:
        await asyncio.sleep(0)
        return scope.state.tenant

    with scope.tenant("a"):
        bound = scope.bind(tenant)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: asyncio.run(bound())).result() == "a"  # type: ignore[arg-type]
