"""The keys of the sections in words, for `recipelab train --help` and the documentation."""

from __future__ import annotations

from dataclasses import fields

import pytest

from recipelab.config import schema
from recipelab.config.describe import SECTIONS, keys

LINES = keys().splitlines()
ALL = [(name, kind, field.name) for name, kind in SECTIONS.items() for field in fields(kind)]


@pytest.mark.parametrize(("section", "kind", "name"), ALL, ids=[f"{s}.{n}" for s, _, n in ALL])
def test_every_key_has_a_line_with_its_default(section: str, kind: type, name: str):
    key = f"{section}.{name}" if section else name
    (line,) = [line for line in LINES if line.strip().startswith(f"{key}=")]
    default = getattr(kind(), name)
    shown = (
        {None: "null", True: "true", False: "false"}.get(default, default)
        if isinstance(default, bool | None)
        else default
    )
    assert line.split()[0] == f"{key}={shown}".split()[0]


def test_every_section_of_the_schema_is_described():
    assert set(schema.SECTIONS.values()) | {schema.Run, schema.Data, schema.Model} == set(SECTIONS.values())


def test_a_meaning_is_the_string_under_its_field():
    (line,) = [line for line in LINES if line.strip().startswith("sam.rho=")]
    assert line.endswith("Radius of the neighbourhood; published: 0.05, and 0.5 when adaptive.")
