"""Settings: what is found where, and that nothing unknown is ignored."""

import pytest

from dataflow import DataFlow, errors
from dataflow._option import OPTIONS
from dataflow.config import DEFAULT_URL, Options, Settings, resolve


def settle(url: str | None = None, environ: dict[str, str] | None = None, **options: object) -> Settings:
    return resolve(url, options, environ or {})


def test_without_anything_a_file_in_the_working_directory_is_used():
    assert settle().url == DEFAULT_URL == "sqlite:///dataflow.db"


def test_the_argument_wins_over_the_environment():
    environ = {"DATABASE_URL": "postgresql://h/d", "DATAFLOW_POOL_SIZE": "3", "DATAFLOW_CONNECT_TIMEOUT": "2"}
    settings = settle("sqlite:///a.db", environ, pool_size=7)
    assert (settings.url, settings.values["pool_size"]) == ("sqlite:///a.db", 7)
    assert settings.values["connect_timeout"] == 2.0
    assert settle(environ=environ).url == "postgresql://h/d"


def test_defaults_are_the_documented_ones():
    assert settle().engine_options() == {
        "acquire_timeout": 30.0,
        "application_name": None,
        "connect_timeout": 10.0,
        "idle_timeout": 60.0,
        "multi_tenant": False,
        "pgbouncer": False,
        "pool_size": 10,
        "schema_mode": "create",
        "secret_key": None,
        "statement_cache": True,
    }


def test_the_typed_options_are_those_of_the_table():
    assert set(Options.__annotations__) == set(OPTIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pool_size", 0),
        ("pool_size", 10_001),
        ("pool_size", "5"),
        ("pool_size", True),
        ("pool_size", None),
        ("acquire_timeout", 0),
        ("acquire_timeout", float("nan")),
        ("connect_timeout", float("inf")),
        ("idle_timeout", 86_401),
        ("idle_timeout", "60"),
        ("statement_cache", 1),
        ("pgbouncer", "true"),
        ("schema_mode", "creat"),
        ("schema_mode", 1),
        ("multi_tenant", None),
        ("application_name", "x" * 64),
        ("application_name", "a\nb"),
        ("application_name", ""),
    ],
)
def test_a_value_out_of_range_or_of_the_wrong_type_is_refused(name: str, value: object):
    with pytest.raises(errors.InvalidOptionError, match=name) as caught:
        settle(**{name: value})
    assert caught.value.path == name


def test_a_choice_is_answered_with_the_one_meant():
    with pytest.raises(errors.InvalidOptionError) as caught:
        settle(schema_mode="creat")
    assert caught.value.hint == "did you mean `create`?"


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("POOL_SIZE", "25", 25),
        ("ACQUIRE_TIMEOUT", "0.5", 0.5),
        ("PGBOUNCER", "TRUE", True),
        ("STATEMENT_CACHE", "off", False),
        ("SCHEMA_MODE", "check", "check"),
        ("APPLICATION_NAME", "etl", "etl"),
    ],
)
def test_every_kind_of_option_is_read_from_the_environment(variable: str, text: str, value: object):
    assert settle(environ={f"DATAFLOW_{variable}": text}).values[variable.lower()] == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [("POOL_SIZE", "many"), ("POOL_SIZE", ""), ("ACQUIRE_TIMEOUT", "1s"), ("PGBOUNCER", "maybe"), ("SCHEMA_MODE", "x")],
)
def test_an_unreadable_variable_is_refused_by_name(variable: str, text: str):
    with pytest.raises(errors.InvalidOptionError) as caught:
        settle(environ={f"DATAFLOW_{variable}": text})
    assert caught.value.path == f"DATAFLOW_{variable}"


def test_an_unknown_option_is_answered_with_the_one_meant():
    with pytest.raises(errors.UnknownOptionError) as caught:
        settle(pool_sise=5)
    assert caught.value.hint == "did you mean `pool_size`?"


@pytest.mark.parametrize("variable", ["DATAFLOW_POOL_SISE", "DATAFLOW_pool_size"])
def test_an_unknown_variable_is_answered_with_the_one_meant(variable: str):
    with pytest.raises(errors.UnknownEnvironmentError) as caught:
        settle(environ={variable: "5"})
    assert caught.value.hint == "did you mean `DATAFLOW_POOL_SIZE`?"


LATER = {"read_replicas": ["x"], "monitoring": True, "enable_query_cache": True, "cache_ttl": 300, "naive": "UTC"}


@pytest.mark.parametrize(("name", "value"), LATER.items())
def test_an_option_that_is_not_built_says_so(name: str, value: object):
    with pytest.raises(errors.NotBuiltError, match=name):
        settle(**{name: value})
    with pytest.raises(errors.NotBuiltError, match=name):
        settle(environ={f"DATAFLOW_{name.upper()}": "1"})


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("value", [None, False])
def test_an_option_that_is_not_built_may_be_off(name: str, value: object):
    settings = settle(environ={f"DATAFLOW_{name.upper()}": "false"}, **{name: value})
    assert name not in settings.values


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql+asyncpg://u:p@h/d", "postgresql://u:p@h/d"),
        ("POSTGRES://h/d", "postgres://h/d"),
        ("mysql+pymysql://h/d", "mysql://h/d"),
        ("mariadb://h/d", "mariadb://h/d"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
    ],
)
def test_a_driver_is_dropped_from_the_scheme(given: str, expected: str):
    assert settle(given).url == expected


@pytest.mark.parametrize(
    "url", ["postgrse://me:hunter2@h/d", "oracle://me:hunter2@h", "me:hunter2@h/d", "me:hunter2://h", "hunter2"]
)
def test_an_unknown_scheme_is_refused_without_the_password(url: str):
    with pytest.raises(errors.UnknownSchemeError) as caught:
        settle(url)
    assert "hunter2" not in str(caught.value)


def test_a_misspelled_scheme_is_answered_with_the_one_meant():
    with pytest.raises(errors.UnknownSchemeError) as caught:
        settle("postgressql://h/d")
    assert caught.value.hint == "did you mean `postgresql`?"


def test_an_empty_url_is_no_wish_for_a_file():
    for arguments in ({"url": ""}, {"environ": {"DATABASE_URL": " "}}):
        with pytest.raises(errors.InvalidOptionError, match="is empty"):
            settle(**arguments)  # type: ignore[arg-type]


def test_a_password_is_in_no_repr():
    settings = settle("postgresql://me:hunter2@h/d")
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(DataFlow("postgresql://me:hunter2@127.0.0.1:1/d"))


def test_a_dataflow_reads_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATAFLOW_POOL_SIZE", "none")
    with pytest.raises(errors.InvalidOptionError, match="DATAFLOW_POOL_SIZE"):
        DataFlow("sqlite:///:memory:")
