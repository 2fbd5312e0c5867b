"""A study's tables: arms with their verdicts, further metrics, every result with its run, effects of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recipelab.reports.material import OneRun, StudyMaterial
from recipelab.reports.parts import Cell, Column, Table, prefixed, table_anchor
from recipelab.reports.units import Unit, duration, probability, unit

ENDS = ("low", "high")


def arm_anchors(study: StudyMaterial, anchor: str) -> dict[str, str]:
    """Arm -> the anchor of its row of results, where each links to its run."""
    return {line["arm"]: f"{anchor}-arm-{number}" for number, line in enumerate(study.summary["arms"], start=1)}


def level(study: StudyMaterial) -> float:
    """The confidence of the study's intervals."""
    value = study.definition.get("confidence", 0.95)
    return float(value) if isinstance(value, int | float) and 0 < value < 1 else 0.95


def against(study: StudyMaterial) -> str:
    names = list(dict.fromkeys(study.summary["baselines"].values()))
    return f"against {names[0]}" if len(names) == 1 else "against the baseline of each"


def arms_table(study: StudyMaterial, anchor: str, warnings: Sequence[str]) -> Table:
    """A row an arm, as the study's own table has it."""
    summary = study.summary
    what, one = f"{summary['split']} {summary['metric']}", unit(summary["metric"])
    links = arm_anchors(study, anchor)
    columns = (
        Column("arm"),
        Column(one.heading(what), True, ("mean",)),
        Column(f"{100 * level(study):g} % interval", True, ENDS),
        Column("n", True),
        Column("difference", True, ("difference", "difference_low", "difference_high")),
        Column("p (Holm)", True, ("p",)),
        Column("p (sign flip)", True, ("p_sign_flip",)),
        Column("verdict"),
        Column("seeds needed", True),
        Column("training time", True, ("seconds",)),
        Column("Pareto front"),
    )
    rows = [_arm_row(line, summary["baselines"], one, links[line["arm"]]) for line in summary["arms"]]
    caption = (
        f"Mean over the seeds with its interval; differences {against(study)}, paired by seed. Bold: the best, where it"
        " is proven better than its baseline. Seeds needed: pairs that would prove the difference seen four times in"
        f" five, were it the true one. Pareto front: no other arm has a better {what} in less training time."
        " Numbers lead to the results they are made of."
    )
    return Table("arms", f"Arms: {what}", columns, rows, caption, warnings)


def _arm_row(line: Mapping[str, Any], baselines: Mapping[str, str], one: Unit, link: str) -> list[Cell]:
    arm, verdict = line["arm"], line.get("verdict")
    front = Cell("yes" if line["on_front"] else "", (int(line["on_front"]),))
    time = Cell(duration(line["seconds"]), (line["seconds"],), link)
    row = [
        Cell(arm, (arm,), link),
        Cell(one.text(line["mean"]), (line["mean"],), link, strong=line["best"]),
        Cell(one.ends(line["low"], line["high"]), (line["low"], line["high"])),
        Cell(str(line["n"]), (line["n"],), link),
    ]
    if verdict is None:
        word = "baseline" if baselines.get(arm) == arm else ""
        none = Cell("", (None,))
        return [*row, Cell("", (None,) * 3), none, none, Cell(word, badge=word), none, time, front]
    d, word = verdict["difference"], verdict["word"]
    within = f" within {one.distance(verdict['margin'])}" if word == "equivalent" and verdict["margin"] else ""
    proven = word in ("better", "worse")
    return [
        *row,
        Cell(
            f"{one.change(d['mean'])} {one.ends(d['low'], d['high'])}".strip(), (d["mean"], d["low"], d["high"]), link
        ),
        Cell(probability(verdict["p"]), (verdict["p"],)),
        Cell(_sign_flip(verdict), (verdict["p_sign_flip"],), hint="least: the smallest p that so few seeds can give"),
        Cell(f"{word}{within}", (word,), badge=word),
        Cell("" if proven else str(verdict["seeds_needed"] or ""), (verdict["seeds_needed"],)),
        time,
        front,
    ]


def _sign_flip(verdict: Mapping[str, Any]) -> str:
    if verdict["p_sign_flip"] is None:
        return ""
    least = verdict["p_sign_flip_smallest"]
    return probability(verdict["p_sign_flip"]) + ("" if least is None else f" (least {probability(least)})")


def results_table(study: StudyMaterial, anchor: str, anchors: Mapping[str, str], warnings: Sequence[str]) -> Table:
    """Arms x seeds, each result with a link to the run it is read from. anchors: of runs, by name."""
    summary, one = study.summary, unit(study.summary["metric"])
    found = {(reading.arm, reading.seed): reading for reading in study.readings}
    seeds = sorted({row["seed"] for row in summary["runs"]})
    numbers = {(row["arm"], row["seed"]): row["value"] for row in summary["runs"]}
    rows = []
    for line in summary["arms"]:
        cells = [Cell(line["arm"])]
        for seed in seeds:
            value, reading = numbers.get((line["arm"], seed)), found.get((line["arm"], seed))
            link = anchors[reading.run.name] if reading else ""
            cells.append(Cell(one.text(value), (value,), link, hint=_origin(reading.run, reading) if reading else ""))
        rows.append(cells)
    what = one.heading(f"{summary['split']} {summary['metric']}")
    columns = [Column("arm"), *(Column(f"seed {seed}", True) for seed in seeds)]
    links = list(arm_anchors(study, anchor).values())
    caption = f"{what}. Each number leads to its run, and says on pointing which checkpoint and weights it is of."
    return Table("results", "Every result", columns, rows, caption, warnings, links)


def _origin(run: OneRun, reading: Any) -> str:
    recipe = str(run.result.get("recipe_hash") or "unknown")[:10]
    return f"run {run.name}, checkpoint {reading.checkpoint}, weights {reading.view}, recipe {recipe}"


def effects_table(study: StudyMaterial, anchor: str, warnings: Sequence[str]) -> Table | None:
    """Main effects and two-way interactions, where the study is a grid."""
    effects, one = study.summary["effects"], unit(study.summary["metric"])
    if not effects:
        return None
    rows = []
    for effect in effects:
        name = " x ".join(f"{axis}: {at_level}" for axis, at_level in effect["terms"])
        rows.append(
            [
                Cell(name),
                Cell("main" if len(effect["terms"]) == 1 else "interaction"),
                Cell(one.change(effect["mean"]), (effect["mean"],), table_anchor(prefixed(anchor, "results"))),
                Cell(one.ends(effect["low"], effect["high"]), (effect["low"], effect["high"])),
                Cell(str(effect["n"]), (effect["n"],)),
                Cell(probability(effect["p"]), (effect["p"],)),
            ]
        )
    columns = (
        Column("effect"),
        Column("kind"),
        Column(one.heading("size"), True, ("size",)),
        Column(f"{100 * level(study):g} % interval", True, ENDS),
        Column("n", True),
        Column("p (Holm)", True, ("p",)),
    )
    caption = "A level against the first of its axis, over all settings of the other axes; n: seeds, as blocks."
    return Table("effects", "Effects", columns, rows, caption, warnings)
