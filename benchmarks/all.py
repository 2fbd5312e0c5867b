"""All benchmarks in order, each in a fresh process, and one table at the end.

    python benchmarks/all.py [--quick] [--only NAME ...] [--json FILE]

loader, augment, training, overhead, slots, startup, streaming, averaging, report_page: what each measures stands at its
top, and in docs/benchmarks.md. About twelve minutes on two cores that have nothing else to do; on a busy machine the
figures mean little, and the load is printed with them.
"""

from __future__ import annotations

import importlib
import multiprocessing
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from timing import Figure, Report, finish, machine_line, parser, table, write_json

ARGUMENTS: dict[str, list[str]] = {
    "loader": [],
    "augment": [],
    "training": [],
    "overhead": [],
    "slots": [],
    "startup": ["--repeats", "3"],
    "streaming": [],
    "averaging": [],
    "report_page": [],
}
Runner = Callable[[str, list[str]], Report]


def main(arguments: list[str] | None = None, alone: Runner | None = None) -> list[Report]:
    """Run and print. alone: runs one benchmark by name with its arguments (default: in a fresh process)."""
    options = parser(__doc__ or "")
    options.add_argument("--only", nargs="+", choices=list(ARGUMENTS), default=list(ARGUMENTS), metavar="NAME")
    given = options.parse_args(arguments)
    reports = []
    for name in given.only:
        reports.append((alone or in_fresh_process)(name, [*ARGUMENTS[name], *["--quick"] * given.quick]))
        print(flush=True)
    print(table([figure for report in reports for figure in headlines(report)]))
    print(machine_line())
    if given.quick:
        print("--quick: these figures show that the benchmarks run, and not how fast anything is")
    if given.json:
        write_json(Path(given.json), reports)
    return reports


def headlines(report: Report) -> list[Figure]:
    """The figures of the last table: those that are not parts of another, which are indented."""
    return [figure for figure in report.figures if not figure.name.startswith(" ")]


def in_fresh_process(name: str, arguments: list[str]) -> Report:
    """Run a benchmark in a process of its own: what one leaves behind (threads, memory) must not slow the next."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, name, arguments).result()


def run(name: str, arguments: list[str]) -> Report:
    """Run a benchmark in this process, which prints what it finds."""
    if name == "loader":
        return _loader(quick="--quick" in arguments)
    report = importlib.import_module(name).main(arguments)
    assert isinstance(report, Report)
    return report


def _loader(*, quick: bool) -> Report:
    """The loader's benchmark, its table as a report."""
    import torch

    import loader

    threads = sorted({1, torch.get_num_threads()})
    rates = loader.measure(*((5, 40, 5) if quick else (15, 120, 20)), threads)
    return finish(loader_report(rates, loader.label(1), loader.GOAL), None)


def loader_report(rates: Mapping[str, Sequence[float]], headline: str, goal: float) -> Report:
    """rates: images/s of each loader, a value a repeat. headline: the one that is compared with the better peer."""
    peer = max(("PIL", "v2"), key=lambda name: statistics.median(rates[name]))
    ratio = [mine / theirs for mine, theirs in zip(rates[headline], rates[peer], strict=True)]
    return Report(
        "loader",
        f"batches of 32x32x3, baseline augmentation, {len(ratio)} repeats; peers with 2 workers",
        [
            Figure(f"loader, one thread / torchvision ({peer})", ratio, "", goal),
            *(Figure(f"  {name}", list(values), "images/s") for name, values in rates.items()),
        ],
    )


if __name__ == "__main__":
    main()
