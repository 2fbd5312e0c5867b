"""The address of a storage that several machines share: read, given a driver that is installed, shown without password.

Optuna keeps trials in any database of SQLAlchemy's; those that its heartbeat is tested with are SQLite, PostgreSQL and
MySQL (https://optuna.readthedocs.io, RDBStorage).
"""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from recipelab.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

DATABASES = ("sqlite", "postgresql", "mysql")
POSTGRES = ("psycopg2", "psycopg")
PACKAGES = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]", "mysqldb": "mysqlclient"}
"""SQLAlchemy's name of a driver -> the package, where it has another name."""


def read_address(text: str) -> URL:
    """A storage's address, PostgreSQL's with whichever of its drivers is installed.

    Raises UserError for what is no address, for an unknown database, and for a driver that is not installed; no
    message repeats a password.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        url = make_url(text)
        sound = "@" not in (url.host or "") and (url.username is not None or "@" not in text)
    except (ArgumentError, ValueError):
        sound = False
    if not sound:  # not repeated: the password may be anywhere in it
        raise UserError(
            "--storage: this is no address of a database, such as sqlite:///FILE or postgresql://USER@HOST/NAME"
            "\n  in a password @ is written %40, / is %2F and : is %3A; a port is a number"
        )
    if url.drivername == "postgresql":
        url = _with_driver(url)
    try:
        url.get_dialect().import_dbapi()
    except NoSuchModuleError:
        raise UserError(f"--storage {shown(url)}: {_unknown(url.drivername)}") from None
    except ImportError:
        raise UserError(f"--storage {shown(url)}: {_missing(url.get_dialect().driver)}") from None
    return url


def shown(address: str | URL) -> str:
    """A storage's address without its password, wherever that stands in it."""
    from sqlalchemy.engine import make_url

    url = make_url(address)
    secret = {key: "***" for key in url.query if "pass" in key.lower()}
    return url.update_query_dict(secret).render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def require_reachable(text: str) -> None:
    """Refuse a shared storage that does not answer, before any work. Raises UserError."""
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.exc import SQLAlchemyError

    url = read_address(text)
    if url.get_backend_name() == "sqlite" and not (file := Path(url.database or "")).is_file():
        if not file.parent.is_dir() or file.is_dir():
            raise UserError(f"--storage {shown(url)}: there is no folder for such a file, {file}")
        return  # made with the search
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            inspect(connection).get_table_names()
    except SQLAlchemyError as error:
        raise UserError(f"--storage {shown(url)} cannot be reached: {reason(error)}") from None
    finally:
        engine.dispose()


def reason(error: BaseException) -> str:
    """What a database says of an error, in one line."""
    cause = error.__cause__ or error
    return " ".join(str(getattr(cause, "orig", None) or cause).split())


def _with_driver(url: URL) -> URL:
    """SQLAlchemy's own choice is psycopg2 before its 2.1, and psycopg since."""
    for driver in POSTGRES:
        try:
            importlib.import_module(driver)
        except ImportError:
            continue
        return url.set(drivername=f"postgresql+{driver}")
    raise UserError(f"--storage {shown(url)}: {_missing(POSTGRES[0])}")


def _missing(driver: str) -> str:
    package = PACKAGES.get(driver, driver)
    extra = ", or 'recipelab[postgres]'" if driver == POSTGRES[0] else ""
    return f"its driver {driver} is not installed\n  fix: pip install {shlex.quote(package)}{extra}"


def _unknown(drivername: str) -> str:
    database, _, driver = drivername.partition("+")
    if database in DATABASES:
        return (
            f"SQLAlchemy has no driver {driver} of {database}{did_you_mean(driver, (*POSTGRES, 'pymysql', 'mysqldb'))}"
        )
    hint = did_you_mean(database, DATABASES)
    return f"there is no database {database} for Optuna's storages{hint}\n  databases: {', '.join(DATABASES)}"
