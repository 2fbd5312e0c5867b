"""The notebook as it is committed; tests/slow executes it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

import recipelab

NOTEBOOK = Path(__file__).parent.parent / "examples" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    found = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(found)
    return found


def test_its_first_cell_does_nothing_where_recipelab_is(
    notebook: nbformat.NotebookNode, monkeypatch: pytest.MonkeyPatch
):
    import subprocess

    called: list[object] = []
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: called.append(a))
    exec(compile(next(cell.source for cell in notebook.cells if cell.cell_type == "code"), "cell", "exec"), {})
    assert called == []


def test_what_it_imports_is_there(notebook: nbformat.NotebookNode):
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    names = [
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and node.module == "recipelab"
        for alias in node.names
    ]
    assert set(names) >= {"train", "study", "report", "sweep_decays"}
    assert all(hasattr(recipelab, name) for name in names)


def test_it_is_small_and_shows_what_it_does(notebook: nbformat.NotebookNode):
    assert NOTEBOOK.stat().st_size < 500_000
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("test accuracy" in output.get("data", {}).get("text/html", "") for output in outputs)
    assert not [output for output in outputs if output.output_type == "error"]


def test_it_names_nothing_of_the_machine_that_it_ran_on(notebook: nbformat.NotebookNode):
    assert not re.search(r"/(tmp|home|root|work|Users)/", NOTEBOOK.read_text(encoding="utf-8"))
