"""The command line itself: help without torch, exit codes, words in any order."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import recipelab
from recipelab.cli import main, records
from recipelab.core.errors import Interrupted, RunError, UserError

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def python(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


# help


def test_help_is_quick_and_imports_nothing_heavy():
    """At most half a second more than Python itself takes; the best of three, as others may use the machine."""
    code = (
        "import sys\nfrom recipelab.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit as end:\n"
        "    assert end.code == 0\n"
        "heavy = {'torch', 'hydra', 'omegaconf', 'pydantic', 'numpy', 'rich', 'lightning'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    def seconds(code: str) -> float:
        begin = time.perf_counter()
        done = python("-c", code)
        assert done.returncode == 0, done.stderr
        return time.perf_counter() - begin

    assert min(seconds(code) - seconds("") for _ in range(3)) < 0.5


def test_help_lists_commands_groups_and_choices(capsys: Capture):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    for word in ("train ", "check ", "show ", "lr-find ", "runs ", "cifar100", "resnet56", "multistep_he", "cluster"):
        assert word in out
    assert (out.splitlines()[0]) == "usage: recipelab [-h] [--version] COMMAND ..."


@pytest.mark.parametrize("command", ["train", "check", "show"])
def test_help_of_a_command_lists_its_options_and_every_key(command: str, capsys: Capture):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    for word in ("--config-dir", "resnet56", "trainer.gradient_clip=null", "data.val_split=0.1", "sam.rho=0.05"):
        assert word in out


def test_help_of_runs_is_about_runs(capsys: Capture):
    with pytest.raises(SystemExit):
        main(["runs", "--help"])
    assert "trainer." not in capsys.readouterr().out


def test_the_version(capsys: Capture):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"recipelab {recipelab.__version__}\n"


def test_the_module_is_the_command():
    done = python("-m", "recipelab", "--version")
    assert (done.returncode, done.stdout) == (0, f"recipelab {recipelab.__version__}\n")
    done = python("-m", "recipelab", "runs", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("error: nowhere does not exist")


# words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: COMMAND"),
        (["tarin"], "invalid choice: 'tarin'"),
        (["train", "--confg", "x"], "there is no option --confg; `recipelab COMMAND --help` lists them"),
        (
            ["train", "--conf", "x"],
            "there is no option --conf;",
        ),  # no abbreviations: they would change with new options
        (["train", "-x"], "there is no option -x"),
        (["train", "--config"], "expected one argument"),
        (["train", "--cfg", "hydra"], "invalid choice: 'hydra'"),
        (["show", "--cfg", "job"], "there is no option --cfg"),
        (["runs", "a", "b"], "there is no option b"),
        (["runs", "a", "seed=1"], "there is no option seed=1"),
    ],
)
def test_words_that_are_no_command(words: list[str], message: str, capsys: Capture):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def recipe(words: list[str], capsys: Capture) -> dict:
    assert main(words) == 0
    found: dict = yaml.safe_load(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("command", ["train", "check"])
def test_the_complete_recipe_is_printed_and_nothing_done(command: str, tmp_path: Path, capsys: Capture):
    found = recipe([command, "--cfg", "job", "model=resnet32", "seed=3"], capsys)
    assert found["model"]["_target_"].endswith("resnet32")
    assert found["seed"] == 3
    assert found["trainer"]["gradient_clip"] is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_printed_is_a_recipe(tmp_path: Path, capsys: Capture):
    found = recipe(["train", "--cfg=job", "optimizer=adamw", "averaging=ema"], capsys)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(found))
    assert recipe(["train", "--cfg", "job", "--config", "mine.yaml"], capsys) == found


@pytest.mark.parametrize(
    "words",
    [
        ["train", "seed=1", "output=x", "trainer.epochs=2", "--cfg", "job", "--config-dir", "."],
        ["train", "--cfg", "job", "--config-dir", ".", "seed=1", "output=x", "trainer.epochs=2"],
        ["train", "seed=1", "--cfg", "job", "output=x", "--config-dir", ".", "trainer.epochs=2"],
        ["train", "seed=1", "--cfg=job", "output=x", "--config-dir=.", "trainer.epochs=2"],
        ["train", "trainer.epochs=9", "--config-dir=.", "seed=1", "output=x", "--cfg=job", "trainer.epochs=2"],
    ],
)
def test_words_and_options_stand_in_any_order(words: list[str], capsys: Capture):
    found = recipe(words, capsys)
    assert (found["seed"], found["output"], found["trainer"]["epochs"]) == (1, "x", 2)


def test_a_negative_value_is_no_option(capsys: Capture):
    assert main(["check", "optimizer.lr=-1"]) == 2
    assert "optimizer.lr=-1: should be greater than or equal to 0" in capsys.readouterr().err


# exit codes


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (None, 0, ""),
        (UserError("wrong"), 2, "error: wrong\n"),
        (RunError("broke"), 1, "error: broke\n"),
        (Interrupted(15, "again"), 143, ""),
        (Interrupted(2, "again"), 130, ""),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_exit_codes(
    error: BaseException | None, code: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
):
    def command(options: object) -> int:
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr(records, "_runs", command)
    assert main(["runs"]) == code
    assert capsys.readouterr().err == message


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(records, "_runs", lambda options: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        main(["runs"])


def test_a_closed_pipe_ends_quietly():
    """What `recipelab train --cfg job | head -0` does."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "recipelab", "train", "--cfg", "job"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (141, "")


# the same from Python


@pytest.mark.parametrize("name", recipelab.__all__)
def test_what_the_package_names_is_there_and_hides_no_room(name: str):
    assert getattr(recipelab, name).__name__ == name
    rooms = {path.stem for path in Path(recipelab.__file__).parent.iterdir()}
    assert name not in rooms, "a module of that name would take its place"
