"""Addresses of storages: what cannot be is refused with the fix, and a password is never repeated."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from recipelab.core.errors import UserError
from recipelab.tuning.address import read_address, require_reachable, shown


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "no address of a database, such as sqlite:///FILE or postgresql://USER@HOST/NAME"),
        ("", "no address of a database"),
        ("postgresql:/ann:secret@host/db", "no address of a database"),
        ("postgresql://ann:secret@host:port/db", "a port is a number"),
        ("postgresql://ann:sec@ret@host/db", "in a password @ is written %40"),
        ("postgres://ann:secret@host/db", "did you mean: postgresql"),
        ("redis://ann:secret@host", "databases: sqlite, postgresql, mysql"),
        ("postgresql+psycop2://ann:secret@host/db", "did you mean: psycopg2"),
        ("sqlite:////nowhere/search.db", "there is no folder for such a file, /nowhere"),
        ("postgresql://host.invalid/db?user=ann&password=secret", "password=***"),
    ],
)
def test_what_cannot_be_is_refused_without_its_password(address: str, said: str):
    with pytest.raises(UserError) as refused:
        require_reachable(address)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "ret@" not in str(refused.value)


def test_a_server_that_does_not_answer_is_told_before_any_work():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match=r"(?s)ann:\*\*\*@127.0.0.1:\d+/db cannot be reached: .*refused") as refused:
        require_reachable(f"postgresql://ann:secret@127.0.0.1:{port}/db")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "missing", "said"),
    [
        (
            "postgresql://h/db",
            ("psycopg2", "psycopg"),
            "driver psycopg2 is not installed\n  fix: pip install psycopg2-bin",
        ),
        ("postgresql+psycopg2://h/db", ("psycopg2",), "or 'recipelab[postgres]'"),
        ("postgresql+psycopg://h/db", ("psycopg",), "fix: pip install 'psycopg[binary]'"),
        ("mysql://ann:secret@h/db", ("MySQLdb",), "mysql://ann:***@h/db: its driver mysqldb is not installed"),
        ("mysql+pymysql://h/db", ("pymysql",), "fix: pip install pymysql"),
    ],
)
def test_a_missing_driver_is_named_with_its_package(
    address: str, missing: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError) as refused:
        read_address(address)
    assert said in str(refused.value)


def test_postgresql_takes_the_driver_that_is_there(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("psycopg2")
    assert read_address("postgresql://ann:secret@h/db").drivername == "postgresql+psycopg2"
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    monkeypatch.setitem(sys.modules, "psycopg", pytest)  # any module
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sqlalchemy.dialects.postgresql.psycopg.PGDialect_psycopg.import_dbapi", classmethod(lambda c: c))
        assert read_address("postgresql://ann:secret@h/db").drivername == "postgresql+psycopg"


def test_a_password_is_shown_nowhere_in_an_address():
    assert shown("postgresql://ann:secret@host/db") == "postgresql://ann:***@host/db"
    assert "secret" not in shown("postgresql://host/db?user=ann&password=secret&sslpassword=secret")


def test_a_file_is_reachable_when_its_folder_is_there_and_is_not_made(tmp_path: Path):
    require_reachable(f"sqlite:///{tmp_path / 'search.db'}")
    assert not list(tmp_path.iterdir())
