"""What a training keeps for averages after the run: planned before it begins, kept on the way, told in its record."""

from __future__ import annotations

from typing import Any

from torch import nn

from recipelab.averaging.blocks import Blocks, blocks, room
from recipelab.commands.resume import Resumed
from recipelab.config.check import Recipe
from recipelab.core.errors import UserError
from recipelab.core.sizes import shown_size, size_in_bytes
from recipelab.loop.plan import Plan
from recipelab.loop.store import Store
from recipelab.loop.views import Views
from recipelab.records.record import Record


def planned_blocks(recipe: Recipe, model: nn.Module, plan: Plan, resumed: Resumed | None) -> Blocks | None:
    """The blocks whose means are kept; None when the recipe wants none, or has no room for one.

    Raises UserError when keeping them is all that the averaging is for, and there is no room.
    """
    section = recipe.averaging
    if section is None or not section.store:
        return None
    most, each = room(_stored(model), size_in_bytes(section.store_limit, "averaging.store_limit"))
    if most < 1:
        if section.averages == {}:
            raise UserError(
                f"averaging.store_limit={section.store_limit} does not hold the initial weights and one mean"
                f" ({shown_size(2 * each)}), and averaging=store is for nothing else"
            )
        return None
    ends = epoch_ends(plan)
    recorded = resumed.record.averages.plan() if resumed else None
    if resumed is None or recorded is None:
        return blocks(ends, most)
    if recorded["total"] == plan.total:
        return Blocks(tuple(recorded["stops"]), recorded["epochs"])
    step = resumed.record.load_checkpoint("last")["step"] if "last" in resumed.record.checkpoints() else 0
    done = {stop for stop in (*recorded["stops"], *resumed.record.averages.stops()) if stop <= step}
    return blocks(ends, most, sorted(done), recorded["epochs"])


def epoch_ends(plan: Plan) -> list[int]:
    """The steps at which the epochs end, the last with the training."""
    ends: list[int] = []
    while not ends or ends[-1] < plan.total:
        ends.append(min(plan.epoch_start(len(ends) + 1), plan.total))
    return ends


def _stored(model: nn.Module) -> dict[str, Any]:
    """What an entry holds."""
    return {k: v for k, v in model.state_dict().items() if v.is_floating_point() or v.is_complex()}


def store_line(recipe: Recipe, model: nn.Module, planned: Blocks | None) -> str | None:
    """What is kept, in words; None when the recipe wants nothing."""
    section = recipe.averaging
    if section is None or not section.store:
        return None
    each, limit = room(_stored(model), 0)[1], f"averaging.store_limit={section.store_limit}"
    if planned is None:
        return f"store: nothing is kept, as the initial weights and one mean ({shown_size(2 * each)}) are above {limit}"
    count, size = len(planned.stops), shown_size((len(planned.stops) + 1) * each)
    length = "one an epoch" if planned.epochs == 1 else f"one every {planned.epochs} epochs, as {limit} holds no more"
    return (
        f"store: the initial weights and {count} mean{'s' * (count > 1)}, {length}; {size} for averages after the run"
    )


def open_store(record: Record, views: Views, planned: Blocks | None, plan: Plan, step: int) -> Store | None:
    """The store of a training that stands at `step`: what lies past it is removed, the initial weights are kept."""
    folder = record.averages
    folder.truncate(step)
    if planned is None:
        return None
    folder.write_plan({"stops": list(planned.stops), "epochs": planned.epochs, "total": plan.total})
    store = Store(planned, views.bank.epoch_mean, folder.save)
    if step == 0:
        store.begin()
    return store


def stored(record: Record, store: Store | None) -> dict[str, Any]:
    """What the record's result says of it: entries, bytes, and seconds, those before a resume included."""
    if store is None:
        return {}
    before = (record.result().get("store") or {}).get("seconds") or 0.0
    folder = record.averages
    entries = len(folder.stops()) + folder.has_initial()
    epochs = store.blocks.epochs
    return {"store": {"entries": entries, "epochs": epochs, "bytes": folder.size(), "seconds": before + store.seconds}}
