"""From records and studies to a report: what is said, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recipelab.figures.chart import Figure
from recipelab.reports import crossval_tables
from recipelab.reports.cards import card
from recipelab.reports.doubts import doubts
from recipelab.reports.material import CrossValidation, Material, OneRun, StudyMaterial
from recipelab.reports.metric_tables import metrics_of, metrics_table
from recipelab.reports.parts import Card, Drawing, Report, Section, Statement, Table, prefixed, table_anchor
from recipelab.reports.run_tables import arms_of_runs, runs_table
from recipelab.reports.study_tables import arm_anchors, arms_table, effects_table, level, results_table

FEW = 8
"""Reports of so many runs carry the pictures of their records; a page of a hundred would be too large."""


@dataclass(frozen=True)
class Drawers:
    """What draws a study, makes the tables that its file asks for, and draws runs: all, one, or folds."""

    of_study: Callable[[StudyMaterial], Sequence[Figure]]
    tables_of_study: Callable[[StudyMaterial], Sequence[Table]]
    of_runs: Callable[[Sequence[OneRun]], Sequence[Figure]]
    of_run: Callable[[OneRun], Sequence[Figure]]
    of_folds: Callable[[CrossValidation], Sequence[Figure]]


def report_of(material: Material, draw: Drawers) -> Report:
    """The whole report."""
    anchors = {run.name: f"run-{number}" for number, run in enumerate(material.runs, start=1)}
    sections = [_study(study, f"study-{n}", anchors, draw) for n, study in enumerate(material.studies, start=1)]
    for n, one in enumerate(material.crossvals, start=1):
        name = f": {one.path.resolve().name}" * (len(material.crossvals) > 1)
        sections.append(_crossval(one, f"Cross-validation{name}", f"folds-{n}", anchors, draw))
    if len(material.runs) > 1:
        sections.append(_runs(material, anchors, draw))
    few = len(material.runs) <= FEW
    cards = [_card(run, anchors[run.name], draw, pictures=few) for run in material.runs]
    return Report(material.title, _made(material), sections, cards, _lost(material), anchors)


def _made(material: Material) -> str:
    dates = sorted(str(run.result.get("created") or "")[:10] for run in material.runs)
    dates = [date for date in dates if date]
    counts = [
        _counted(len(material.studies), "study", "studies"),
        _counted(len(material.crossvals), "cross-validation", "cross-validations"),
        _counted(len(material.runs), "run", "runs"),
    ]
    span = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else ""
    return ", ".join(filter(None, counts)) + (f", of {span}" if span else "")


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}" if number else ""


def _lost(material: Material) -> list[str]:
    return [f"The record {one.name} cannot be read, and is left out: {one.reason}" for one in material.unreadable]


def _drawings(figures: Sequence[Figure], prefix: str) -> list[Drawing]:
    return [Drawing(prefixed(prefix, figure.name), figure) for figure in figures]


def _card(run: OneRun, anchor: str, draw: Drawers, *, pictures: bool) -> Card:
    return card(run, anchor, _drawings(draw.of_run(run), anchor), pictures=pictures)


def _study(study: StudyMaterial, anchor: str, anchors: dict[str, str], draw: Drawers) -> Section:
    summary = study.summary
    runs = list({one.run.name: one.run for one in study.readings}.values())
    warnings = [*doubts(runs), *(f"{note[:1].upper()}{note[1:]}." for note in summary["notes"]), *_stale(study)]
    withheld = any("withheld" in note for note in summary["notes"])
    links = arm_anchors(study, anchor)
    tables = [
        arms_table(study, anchor, warnings),
        *(replace(table, warnings=warnings) for table in draw.tables_of_study(study)),
        metrics_table(study.readings, summary["baselines"], level(study), links, warnings, withheld=withheld),
        results_table(study, anchor, anchors, warnings),
        effects_table(study, anchor, warnings),
    ]
    missing = [f"Without a result: {'; '.join(summary['missing'])}."] if summary["missing"] else []
    return Section(
        anchor=anchor,
        title=study.title,
        lead=_lead(summary),
        statements=_claims(study, links),
        warnings=[*warnings, *missing],
        tables=[_prefixed(table, anchor) for table in tables if table is not None],
        drawings=_drawings(draw.of_study(study), anchor),
    )


def _prefixed(table: Table, anchor: str) -> Table:
    return replace(table, name=prefixed(anchor, table.name))


def _lead(summary: dict[str, Any]) -> str:
    """The verdicts in one sentence."""
    words: dict[str, list[str]] = {}
    for line in summary["arms"]:
        if line.get("verdict"):
            words.setdefault(line["verdict"]["word"], []).append(line["arm"])
    if not words:
        return "Nothing is compared: there is one arm, or verdicts are withheld."
    total = sum(map(len, words.values()))
    parts = [
        f"{word}: {'; '.join(words[word])}" if word in ("better", "worse") else f"{word}: {len(words[word])}"
        for word in ("better", "worse", "equivalent", "unproven")
        if word in words
    ]
    return f"Of {total} comparison{'s' * (total != 1)} with a baseline in {summary['split']} {summary['metric']}, " + (
        ", ".join(parts) + "."
    )


def _claims(study: StudyMaterial, links: dict[str, str]) -> list[Statement]:
    given = study.definition.get("claims")
    nodes = given if isinstance(given, list) else []
    found = []
    for index, claim in enumerate(study.summary["claims"]):
        p = "" if claim["p"] is None else f", p = {claim['p']:.3g}"
        node = nodes[index] if index < len(nodes) and isinstance(nodes[index], dict) else {}
        arms = dict.fromkeys(str(node.get(key)) for key in ("arm", "than"))
        behind = [(arm, links[arm]) for arm in arms if arm in links]
        found.append(Statement(claim["found"], f"{claim['says']} (n = {claim['n']}{p})", behind))
    return found


def _stale(study: StudyMaterial) -> list[str]:
    """Records that cannot be read, or say something else than the summary that was made of them."""
    metric, split = study.summary["metric"], study.summary["split"]
    wrong = Counter(
        one.run.name
        for one in study.readings
        if metrics_of(one.run, split, one.checkpoint, one.view).get(metric) != one.value
    )
    found = [f"The study counts the record {name}, which cannot be read." for name in study.lost]
    if wrong:
        found.append(
            f"summary.json says other numbers than {len(wrong)} of its records, such as {next(iter(wrong))}:"
            " repeat the study's command, which trains nothing that is done."
        )
    return found


def _crossval(one: CrossValidation, title: str, anchor: str, anchors: dict[str, str], draw: Drawers) -> Section:
    warnings = [*crossval_tables.warnings(one), *doubts(list(one.folds.values()))]
    tables = [
        crossval_tables.means_table(one, table_anchor(prefixed(anchor, "folds")), warnings),
        crossval_tables.folds_table(one, anchors, warnings),
    ]
    return Section(
        anchor=anchor,
        title=title,
        lead=crossval_tables.lead(one),
        warnings=warnings,
        tables=[_prefixed(table, anchor) for table in tables if table is not None],
        drawings=_drawings(draw.of_folds(one), anchor),
    )


def _runs(material: Material, anchors: dict[str, str], draw: Drawers) -> Section:
    """All runs; those that are of no cross-validation, and there is no study, as arms and side by side."""
    runs, warnings = material.runs, doubts(material.runs)
    arms_of: dict[str, list[str]] = {}
    for study in material.studies:
        for one in study.readings:
            if one.arm not in arms_of.setdefault(one.run.name, []):
                arms_of[one.run.name].append(one.arm)
    folds = {run.name for crossval in material.crossvals for run in crossval.folds.values()}
    loose = [] if material.studies else [run for run in runs if run.name not in folds]
    tables = [runs_table(runs, anchors, arms_of, warnings)]
    if (arms := arms_of_runs(loose, doubts(loose))) is not None:
        tables.insert(0, _prefixed(arms, "runs"))
    figures = draw.of_runs(loose) if len(loose) > 1 else ()
    return Section("runs", "Runs", warnings=warnings, tables=tables, drawings=_drawings(figures, "runs"))
