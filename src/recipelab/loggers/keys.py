"""Where the key of a Weights & Biases account is found. It is handed to wandb in memory, and written nowhere.

In this order: the environment variable WANDB_API_KEY; a line WANDB_API_KEY=... of the file `.env` in the working
folder; the secret WANDB_API_KEY of a Kaggle notebook (Add-ons, Secrets) or of Colab (the key at the left); what
`wandb login` has left in netrc.
"""

from __future__ import annotations

import importlib
import netrc
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

NAME = "WANDB_API_KEY"
HOST = "https://api.wandb.ai"


def find_key() -> tuple[str, str] | None:
    """(key, where it was found), or None when there is none."""
    for where, look in _PLACES.items():
        if key := (look() or "").strip():
            return key, where
    return None


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=VALUE lines of a `.env` file, with or without `export`, quotes and comments; nothing is expanded."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign and not name.startswith("#"):
            value = value.strip()
            quoted = value[:1] in ("'", '"') and value.find(value[0], 1) > 0
            found[name.strip()] = value[1 : value.find(value[0], 1)] if quoted else value.partition(" #")[0].strip()
    return found


def _kaggle() -> str | None:
    if find_spec("kaggle_secrets") is None:
        return None
    return _secret(lambda: importlib.import_module("kaggle_secrets").UserSecretsClient().get_secret(NAME))


def _colab() -> str | None:
    """Only a notebook's own process is given secrets, and it has google.colab imported."""
    if "google.colab" not in sys.modules:
        return None
    return _secret(lambda: importlib.import_module("google.colab.userdata").get(NAME))


def _secret(ask: Callable[[], object]) -> str | None:
    try:
        value = ask()
    except Exception:  # no such secret, no access to it, or no answer: each platform has its own classes
        return None
    return value if isinstance(value, str) else None


def _netrc() -> str | None:
    path = os.environ.get("NETRC") or Path("~/.netrc").expanduser()
    try:
        found = netrc.netrc(path).authenticators(urlsplit(os.environ.get("WANDB_BASE_URL") or HOST).netloc)
    except (OSError, netrc.NetrcParseError):
        return None
    return found[2] if found else None


_PLACES: dict[str, Callable[[], str | None]] = {
    "the environment": lambda: os.environ.get(NAME),
    ".env": lambda: read_env_file(Path(".env")).get(NAME),
    "Kaggle's secrets": _kaggle,
    "Colab's secrets": _colab,
    "netrc": _netrc,
}
