"""The ledger's file: round trips against a plain twin, cut and damaged files, what is compared and what is not."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from recipelab.core.errors import UserError
from recipelab.records.ledger import FIELDS, Head, LedgerFile

SAMPLES = 13  # no multiple of eight
VIEWS = ["raw", "ema_0.9"]


def head(kind="correct", samples=SAMPLES, sha256="ab" * 32):
    return Head(kind, "val", samples, sha256, VIEWS)


def values(kind, seed):
    source = np.random.default_rng(seed)
    of = {
        "correct": lambda: source.random(SAMPLES) < 0.5,
        "margin": lambda: source.normal(size=SAMPLES).astype(np.float16),
        "error": lambda: source.random(SAMPLES).astype(np.float32),
    }
    return {view: {name: of[name]() for name in FIELDS[kind]} for view in VIEWS}


def written(path, kind="correct", evaluations=3):
    """A file of some evaluations, and what was given to it."""
    file = LedgerFile(path)
    file.begin(head(kind))
    given = {10 * (t + 1): values(kind, t) for t in range(evaluations)}
    for step, found in given.items():
        file.append(step, found)
    return file, given


@pytest.mark.parametrize("kind", list(FIELDS))
def test_everything_reads_back_equal(tmp_path, kind):
    file, given = written(tmp_path / "l.bin", kind)
    ledger = file.read()
    assert ledger.head == head(kind)
    assert ledger.views == VIEWS
    for view in VIEWS:
        assert ledger.steps(view).tolist() == [10, 20, 30]
        for name in FIELDS[kind]:
            found = getattr(ledger, name)(view)
            assert found.shape == (3, SAMPLES)
            for row, evaluation in zip(found, given.values(), strict=True):
                assert row.dtype == evaluation[view][name].dtype
                assert np.array_equal(row, evaluation[view][name])


def test_the_bytes_are_those_of_a_plain_twin(tmp_path):
    """By hand: a line of JSON; then step, view, and a bit a sample, the first in the highest bit."""
    file, given = written(tmp_path / "l.bin")
    line, rest = file.path.read_bytes().split(b"\n", 1)
    assert json.loads(line)["samples"] == SAMPLES
    expected = b""
    for step, evaluation in given.items():
        for number, view in enumerate(VIEWS):
            bits = "".join("1" if right else "0" for right in evaluation[view]["correct"])
            bits += "0" * (-len(bits) % 8)
            packed = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
            expected += struct.pack("<QI", step, number) + packed
    assert rest == expected
    assert len(expected) == 3 * 2 * (12 + 2)


def test_views_may_be_evaluated_at_different_steps(tmp_path):
    file, given = written(tmp_path / "l.bin", evaluations=1)
    file.append(20, {"raw": given[10]["raw"]})
    ledger = file.read()
    assert (ledger.steps("raw").tolist(), ledger.steps("ema_0.9").tolist()) == ([10, 20], [10])


@pytest.mark.parametrize("kind", ["correct", "margin"])
def test_a_file_cut_at_any_byte_gives_its_whole_rows_and_can_be_gone_on_with(tmp_path, kind):
    file, given = written(tmp_path / "l.bin", kind, evaluations=2)
    whole = file.path.read_bytes()
    begin, size = whole.index(b"\n") + 1, head(kind).row.itemsize
    for cut in range(begin, len(whole), 1 if kind == "correct" else 7):
        file.path.write_bytes(whole[:cut])
        complete = (cut - begin) // size
        ledger = file.read()
        assert sum(len(ledger.steps(view)) for view in ledger.views) == complete
        file.truncate(10)
        assert (file.path.stat().st_size - begin) % size == 0
    file.path.write_bytes(whole[: begin + 2 * size + 3])  # the second evaluation was cut; the first is whole
    file.truncate(10)
    file.append(20, given[20])
    assert file.path.read_bytes() == whole


def test_rows_of_later_steps_are_dropped(tmp_path):
    file, _ = written(tmp_path / "l.bin")
    file.truncate(20)
    assert file.read().steps("raw").tolist() == [10, 20]
    file.truncate(25)
    assert file.read().steps("raw").tolist() == [10, 20]
    file.truncate(0)
    assert file.read().views == []
    LedgerFile(tmp_path / "none.bin").truncate(5)
    assert not (tmp_path / "none.bin").exists()


def test_beginning_again_finds_what_is_there_and_refuses_something_else(tmp_path):
    file, _ = written(tmp_path / "l.bin")
    file.begin(head())
    assert file.read().steps("raw").tolist() == [10, 20, 30]
    with pytest.raises(UserError, match=r"something else \(sha256\)"):
        file.begin(head(sha256="cd" * 32))


def test_what_is_not_kept_is_named(tmp_path):
    ledger = written(tmp_path / "l.bin")[0].read()
    with pytest.raises(UserError, match="keeps no margin: it is a ledger=correct; ledger=margin keeps it"):
        ledger.margin()
    with pytest.raises(UserError, match="has no view 'ema_0.99': it has raw, ema_0.9"):
        ledger.correct("ema_0.99")
    with pytest.raises(UserError, match="this run kept no ledger"):
        LedgerFile(tmp_path / "none.bin").read()


def test_ledgers_of_other_samples_are_not_compared(tmp_path):
    ledger = written(tmp_path / "l.bin")[0].read()
    same, other = LedgerFile(tmp_path / "same.bin"), LedgerFile(tmp_path / "other.bin")
    same.begin(head())
    other.begin(head(sha256="cd" * 32))
    ledger.require_same_samples(same.read())
    with pytest.raises(UserError, match="of other samples"):
        ledger.require_same_samples(other.read())


CLAIMS = {
    "no JSON": b"\x80\x04pickle\n",
    "no line": b'{"kind": "correct"',
    "no object": b"[]\n",
    "another kind": {"kind": "soul"},
    "text for a number": {"samples": "13"},
    "too many samples": {"samples": 2**60},
    "none": {"samples": 0},
    "a newer schema": {"schema": 2},
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_what_is_no_ledger_is_refused(tmp_path, claim):
    file, _ = written(tmp_path / "l.bin")
    line, rest = file.path.read_bytes().split(b"\n", 1)
    changed = claim if isinstance(claim, bytes) else json.dumps({**json.loads(line), **claim}).encode() + b"\n"
    file.path.write_bytes(changed + rest)
    with pytest.raises(UserError, match=r"l\.bin"):
        file.read()


def test_rows_that_no_training_wrote_are_refused(tmp_path):
    file, given = written(tmp_path / "l.bin", evaluations=1)
    file.append(5, given[10])
    with pytest.raises(UserError, match="damaged"):
        file.read()
    file, _ = written(tmp_path / "m.bin", evaluations=1)
    with open(file.path, "ab") as opened:
        opened.write(struct.pack("<QI", 20, 9) + b"\0\0")
    with pytest.raises(UserError, match="damaged"):
        file.read()


def test_the_documented_way_to_read_it_without_recipelab(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "frombuffer" in block)
    file, given = written(tmp_path / "l.bin")
    with open(file.path, "ab") as opened:
        opened.write(b"cut")
    names: dict = {}
    exec(code.replace("outputs/my-run/ledger_val.bin", str(file.path)), names)
    expected = [values["correct"] for evaluation in given.values() for values in evaluation.values()]
    assert np.array_equal(names["correct"], np.stack(expected))
    assert names["rows"]["step"].tolist() == [10, 10, 20, 20, 30, 30]
