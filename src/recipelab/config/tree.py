"""The yaml tree: its folders are the groups, its files the choices. Reads names only, so that --help is quick."""

from __future__ import annotations

from pathlib import Path

# In the order of a recipe: slots, sections, presets.
GROUPS = ("data", "augment", "mix", "model", "loss", "optimizer", "scheduler", "averaging", "sam", "logger") + (
    "param_groups",
    "early_stopping",
    "batch_schedule",
    "resizing",
    "recipe",
    "env",
)


def packaged_tree() -> Path:
    """The yaml tree that installs with the package."""
    return Path(__file__).parent.parent / "conf"


def groups(user: Path | None = None) -> dict[str, list[str]]:
    """Every group with its choices, ours and those of the user's own tree."""
    found: dict[str, set[str]] = {name: set() for name in GROUPS}
    for tree in filter(None, (packaged_tree(), user)):
        for name in GROUPS:
            found[name] |= {file.stem for file in (tree / name).glob("*.yaml")}
    return {name: sorted(choices) for name, choices in found.items()}
