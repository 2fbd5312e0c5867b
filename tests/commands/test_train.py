"""One run: its record, its numbers against plain recomputation, and the same bits twice."""

from __future__ import annotations

import csv
import json
import math
import os
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml

from compare import assert_same, different, load, table
from processes import Trainings
from recipelab.commands.train import train
from recipelab.core.errors import RunError, UserError
from recipelab.core.generators import generator, seed_step, step_base
from recipelab.data.digits import Digits
from recipelab.data.splits import split
from recipelab.data.statistics import channel_statistics
from tiny_recipe import USER_TREE

SMOOTH = "model._target_=tiny_net.Smooth"
NAN = ("loss._target_=tiny_net.NanAt", "~loss.label_smoothing")


def normalised(pools, split):
    """Images as the network sees them, (N, C, H, W) float32, computed in float64."""
    mean, std = channel_statistics(pools["train"].images)
    images = pools[split].images.double() / 255
    return ((images - torch.tensor(mean)) / torch.tensor(std)).float().movedim(-1, 1)


@pytest.fixture(scope="module")
def pools():
    return split(*Digits().load(print), limit=200)


# Exactness


def test_the_same_recipe_twice_gives_the_same_bits(train_tiny):
    first, second = (train_tiny(everything=True) for _ in range(2))
    assert first.path != second.path
    assert_same(first.path, second.path)
    assert all(first.result[split] == second.result[split] for split in ("train", "val", "test"))
    assert first.result["fingerprint"] == second.result["fingerprint"]


def test_a_second_process_gives_the_same_bits(train_tiny, tiny, tmp_path):
    here = train_tiny(everything=True)
    torch.rand(7)
    there = tmp_path / "there"
    trainings = Trainings(tmp_path / "log.txt")
    assert trainings.run(*tiny(f"output={there}", everything=True)) == 0
    (path,) = there.iterdir()
    assert_same(here.path, path)


def test_what_was_drawn_before_does_not_matter_and_is_left_alone(train_tiny):
    first = train_tiny()
    torch.manual_seed(77)
    np.random.seed(77)
    before = torch.get_rng_state()
    second = train_tiny()
    assert torch.equal(torch.get_rng_state(), before)
    assert different(load(first.path), load(second.path)) == []


def test_another_seed_gives_other_weights_on_the_same_split(train_tiny):
    first, second = train_tiny(), train_tiny("seed=1")
    assert different(load(first.path)["model"], load(second.path)["model"])
    assert first.record.environment()["splits"] == second.record.environment()["splits"]
    assert first.result["recipe_hash"] == second.result["recipe_hash"]


def test_no_seed_draws_one_and_says_which(train_tiny):
    first, second = train_tiny("seed=null", "trainer.epochs=1"), train_tiny("seed=null", "trainer.epochs=1")
    seed = first.config["seed"]
    assert seed != second.config["seed"]
    assert first.result["seed"] == seed
    assert f"seed: {seed}" in (first.path / "train.log").read_text()
    again = train_tiny(f"seed={seed}", "trainer.epochs=1")
    assert_same(first.path, again.path)


@pytest.mark.parametrize(("asked", "threads"), [("1", 1), ("2", 2), ("auto", len(os.sched_getaffinity(0)))])
def test_the_threads_are_recorded_and_part_of_the_fingerprint(train_tiny, asked, threads):
    before = torch.get_num_threads()
    run = train_tiny(f"trainer.threads={asked}", "trainer.epochs=1", "lockbox=closed")
    assert torch.get_num_threads() == before
    environment = run.record.environment()
    assert environment["execution"]["threads"] == environment["resolved"]["threads"] == threads
    assert run.config["trainer"]["threads"] == (asked if asked == "auto" else threads)


def test_the_fingerprint_tells_threads_apart_and_the_recipe_hash_does_not(train_tiny):
    short = ("trainer.epochs=1", "lockbox=closed")
    one, two = train_tiny("trainer.threads=1", *short), train_tiny("trainer.threads=2", *short)
    assert one.result["fingerprint"] != two.result["fingerprint"]
    assert one.result["recipe_hash"] == two.result["recipe_hash"]


@pytest.mark.parametrize("size", [7, 64, 1000])
def test_the_size_of_evaluation_batches_changes_no_weight(train_tiny, size):
    first, second = train_tiny(), train_tiny(f"trainer.eval_batch_size={size}")
    assert different(load(first.path)["model"], load(second.path)["model"]) == []
    for one, other in zip(table(first.path), table(second.path), strict=True):
        assert float(one["val_raw_nll"]) == pytest.approx(float(other["val_raw_nll"]), rel=1e-6)
        assert one["val_raw_accuracy"] == other["val_raw_accuracy"]


def test_averages_and_evaluations_change_no_bit_of_the_raw_weights(train_tiny):
    plain = load(train_tiny().path)
    averaged = load(train_tiny("averaging=ema", "averaging.decays=[0.5,0.9,0.99]").path)
    watched = load(train_tiny("trainer.evaluate_every=1st", "trainer.checkpoint_every=1st").path)
    for other in (averaged, watched):
        assert different(plain["model"], other["model"]) == []
        assert different(plain["optimizer"], other["optimizer"]) == []


# Numbers


# The training losses of the first five steps of a fixed recipe (float32, one thread; x86-64, torch 2.15). They move
# when the split, initial weights, orders, draws, augmentation, mixing, SAM, the schedule or the optimizer change.
# To update after a wanted change: run this test, copy what it prints, and say in the changelog that results change.
GOLDEN = [2.536575, 2.371170, 2.326884, 2.412978, 2.293438]


def test_the_losses_of_the_first_steps_are_pinned(train_tiny):
    slots = ("mix=mixup", "mix.alpha=0.5", "sam=sam", "augment=baseline", "trainer.gradient_clip=1.0")
    run = train_tiny(*slots, "trainer.steps=5", "trainer.evaluate_every=1st", "lockbox=closed")
    sums = [
        0.0,
        *(row["train_loss"] * row["samples"] for row in run.metrics),
    ]  # means since the epoch began
    losses = [(after - before) / 32 for before, after in zip(sums, sums[1:], strict=False)]
    assert losses == pytest.approx(GOLDEN, rel=1e-4), losses


def test_the_steps_are_those_of_a_plain_loop(train_tiny, pools):
    """The whole training written down again, without the loop: the same weights bit by bit."""
    run = train_tiny("model._target_=tiny_net.Tiny", "augment=none", "trainer.epochs=2", "trainer.channels_last=false")
    images, targets = normalised(pools, "train"), pools["train"].targets
    model = initial_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, fused=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for epoch in range(2):
            order = torch.randperm(180, generator=generator(0, "order", epoch))
            for index, rows in enumerate(order.split(32)):
                step = epoch * 6 + index
                optimizer.param_groups[0]["lr"] = 0.1 * 0.5 * (1 + math.cos(math.pi * step / 12))
                seed_step(step_base(0), step, torch.device("cpu"))
                losses = F.cross_entropy(model(images[rows]), targets[rows], reduction="none")
                optimizer.zero_grad()
                (losses.sum() / len(rows)).backward()
                optimizer.step()
    finally:
        torch.set_num_threads(threads)
    expected, found = model.state_dict(), load(run.path)["model"]
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-5, atol=1e-6, msg=key)


def initial_model():
    import tiny_net

    from recipelab.core.generators import hash32

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hash32(0, "init"))
        return tiny_net.Tiny(num_classes=10, input_channels=1)


def test_the_learning_rate_column_is_the_schedule(train_tiny):
    run = train_tiny("trainer.evaluate_every=1st", "optimizer.lr=0.2", "scheduler.warmup=2st")
    rates = [row["lr"] for row in run.metrics]
    expected = [0.0, 0.1] + [0.2 * 0.5 * (1 + math.cos(math.pi * (s - 2) / 16)) for s in range(2, 18)]
    assert rates == pytest.approx(expected, abs=1e-12)
    assert [row["step"] for row in run.metrics] == list(range(1, 19))
    assert [row["samples"] for row in run.metrics][:7] == [32, 64, 96, 128, 160, 180, 212]
    assert [row["epoch"] for row in run.metrics][5::6] == [1, 2, 3]


def test_train_metrics_are_the_means_over_what_was_trained_on(train_tiny, pools):
    """With a learning rate of 0 the weights stay, so the epoch can be measured again afterwards."""
    run = train_tiny("optimizer.lr=0.0", SMOOTH, "augment=none")
    model = run.model("last")
    images, targets = normalised(pools, "train"), pools["train"].targets
    with torch.no_grad():
        logits = model(images)
    for row in run.metrics:
        assert row["train_loss"] == pytest.approx(F.cross_entropy(logits, targets).item(), rel=1e-5)
        assert row["train_accuracy"] == (logits.argmax(1) == targets).double().mean().item()


def test_evaluation_counts_every_sample_once(train_tiny, pools):
    run = train_tiny("averaging=ema", "averaging.decays=[0.9]", "trainer.eval_batch_size=7")
    for checkpoint in ("last", "best"):
        for view in ("raw", "ema_0.9"):
            model = run.model(checkpoint, view)
            for name, pool in pools.items():
                with torch.no_grad():
                    logits = model(normalised(pools, name))
                measured = run.result[name][checkpoint][view]
                assert round(measured["accuracy"] * len(pool)) == int((logits.argmax(1) == pool.targets).sum())
                assert measured["nll"] == pytest.approx(F.cross_entropy(logits, pool.targets).item(), rel=1e-5)
    row = run.metrics[-1]
    assert row["val_ema_0.9_nll"] == run.result["val"]["last"]["ema_0.9"]["nll"]


def test_norms_are_those_of_the_weights(train_tiny):
    run = train_tiny("averaging=ema", "averaging.decays=[0.9]")
    last = load(run.path)
    names = [name for name, _ in run.model("last").named_parameters()]
    weights = (last["model"], last["views"]["ema_0.9"])
    raw, average = (torch.cat([w[name].double().flatten() for name in names]) for w in weights)
    row = run.metrics[-1]
    assert row["weight_norm"] == pytest.approx(raw.norm().item(), rel=1e-5)
    assert row["ema_0.9_weight_norm"] == pytest.approx(average.norm().item(), rel=1e-5)
    assert row["ema_0.9_distance"] == pytest.approx((average - raw).norm().item(), rel=1e-4)


# Selection and lockbox


@pytest.mark.parametrize("metric", ["accuracy", "nll"])
@pytest.mark.parametrize("view", ["raw", "ema_0.9"])
def test_best_is_the_first_best_row_of_the_watched_view(train_tiny, metric, view):
    run = train_tiny("averaging=ema", "averaging.decays=[0.9]", f"select_metric={metric}", f"select_view={view}")
    rows = run.metrics
    sign = -1 if metric == "accuracy" else 1
    best = min(rows, key=lambda row: (sign * row[f"val_{view}_{metric}"], row[f"val_{view}_nll"]))
    assert load(run.path, "best" if view == "raw" else "best_ema_0.9")["step"] == best["step"]
    assert run.result["val"]["best"][view]["nll"] == best[f"val_{view}_nll"]
    assert run.result["headline"] == {
        "checkpoint": "best",
        "view": view,
        "split": "test",
        "metric": "accuracy",
        "accuracy": run.result["test"]["best"][view]["accuracy"],
    }


def test_select_last_names_the_headline(train_tiny):
    run = train_tiny("select=last")
    assert run.result["headline"]["checkpoint"] == "last"
    assert run.result["headline"]["accuracy"] == run.result["test"]["last"]["raw"]["accuracy"]


def test_the_lockbox_opens_once_and_after_training(train_tiny, monkeypatch):
    from recipelab.commands.assemble import Parts

    seen = []
    measure = Parts.measure
    monkeypatch.setattr(
        Parts, "measure", lambda self, model, split, **more: seen.append(split) or measure(self, model, split, **more)
    )
    run = train_tiny()
    assert run.result["lockbox"] == {"policy": "end", "opened": 1}
    assert seen[:3] == ["val"] * 3
    checkpoints = len({load(run.path, name)["step"] for name in ("last", "best")})
    assert seen[3:] == ["train", "val", "test"] * checkpoints


def test_a_closed_lockbox_leaves_no_test_number_anywhere(train_tiny):
    run = train_tiny("lockbox=closed")
    assert "test" not in run.result
    assert run.result["lockbox"] == {"policy": "closed", "opened": 0}
    assert run.result["headline"]["split"] == "val"
    assert not [column for column in run.metrics[0] if "test" in column]
    assert "test accuracy" not in (run.path / "train.log").read_text()


def test_test_as_val_selects_on_the_test_split_and_says_so(train_tiny):
    run = train_tiny("data.protocol=test_as_val")
    splits = run.record.environment()["splits"]
    assert splits["val"] == splits["test"]
    assert splits["train"]["samples"] == 200
    assert run.result["protocol"] == "test_as_val"
    assert run.result["val"] == run.result["test"]
    assert "selection saw the test split" in (run.path / "train.log").read_text()


# Starting from weights


@pytest.mark.parametrize("source", ["record", "file"])
def test_init_from_takes_the_weights_and_nothing_else(train_tiny, source):
    first = train_tiny()
    path = first.path if source == "record" else first.path / "checkpoints" / "best.pt"
    run = train_tiny(f"trainer.init_from='{path}'", "trainer.steps=1", "optimizer.lr=0.0", "lockbox=closed", "seed=5")
    learnt = [name for name, _ in first.model().named_parameters()]
    start, begun = load(first.path, "best")["model"], load(run.path)["model"]
    assert different({k: start[k] for k in learnt}, {k: begun[k] for k in learnt}) == []
    assert run.result["recipe_hash"] != first.result["recipe_hash"]
    assert load(run.path)["step"] == 1


def test_init_from_another_model_is_refused_by_name(train_tiny, tmp_path):
    first = train_tiny("trainer.epochs=1", "lockbox=closed")
    with pytest.raises(UserError, match=r"init_from=.*another model.*0\.weight \(8, 1, 3, 3\), not \(4, 1, 3, 3\)"):
        train_tiny(f"trainer.init_from='{first.path}'", "model.width=8", f"output={tmp_path / 'none'}")
    assert not (tmp_path / "none").exists()


def test_the_content_of_initial_weights_is_part_of_the_recipe(train_tiny):
    short = ("trainer.epochs=1", "lockbox=closed")
    first, second = train_tiny(*short), train_tiny("seed=1", *short)
    runs = [train_tiny(f"trainer.init_from='{path}'", *short) for path in (first.path, second.path)]
    assert runs[0].result["recipe_hash"] != runs[1].result["recipe_hash"]


# What goes wrong


@pytest.mark.parametrize(("at", "named"), [(1, 1), (4, 4), (6, 6), (7, 7), (11, 11), (18, 18)])
def test_a_loss_that_is_not_finite_names_its_step(train_tiny, tmp_path, at, named):
    with pytest.raises(RunError, match=rf"loss was not finite in step {named} \(epoch {(named - 1) // 6 + 1}\)"):
        train_tiny(*NAN, f"loss.at={at}", "trainer.checkpoint_every=2st")
    (path,) = (tmp_path / "outputs").iterdir()
    result = json.loads((path / "result.json").read_text())
    assert result["status"] == "failed"
    assert f"step {named} " in result["reason"]
    if at > 2:
        kept = load(path)
        assert kept["step"] == (at - 1) // 2 * 2
        assert all(torch.isfinite(value).all() for value in kept["model"].values())
    else:
        assert not (path / "checkpoints" / "last.pt").exists()


def test_a_huge_learning_rate_stops_before_it_spoils_the_checkpoint(train_tiny, tmp_path):
    with pytest.raises(RunError, match=r"not finite in step \d+ .*learning rate 1e\+?3\d.*\n.*lower optimizer\.lr"):
        train_tiny(
            "optimizer.lr=1.0e+35",
            SMOOTH,
            "scheduler=constant",
            "trainer.checkpoint_every=1st",
        )
    (path,) = (tmp_path / "outputs").iterdir()
    if (path / "checkpoints" / "last.pt").exists():
        assert all(torch.isfinite(value).all() for value in load(path)["model"].values())


def test_a_failed_run_exits_1_with_its_reason(tiny, tmp_path):
    trainings = Trainings(tmp_path / "log.txt")
    failing = tiny(*NAN, "loss.at=3")
    assert trainings.run(*failing) == 1
    said = (tmp_path / "log.txt").read_text()
    assert "error: the loss was not finite in step 3 (epoch 1), at learning rate" in said
    assert "Traceback" not in said


def test_an_output_folder_that_cannot_be_written_to_is_refused(tiny, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    everyone_may_look(tmp_path)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # nobody: permissions do not hold root back
    try:
        with pytest.raises(UserError, match="output=.*closed.*cannot be written to"):
            train(*tiny(f"output={closed}"), config_dir=str(USER_TREE), quiet=True)
    finally:
        if root:
            os.seteuid(0)
    assert list(closed.iterdir()) == []


def everyone_may_look(path):
    """The folders that pytest makes are for their owner alone."""
    for folder in (path, *path.parents):
        if folder.name.startswith("pytest-"):
            folder.chmod(0o755)


def test_an_output_that_is_a_file_exits_2_and_creates_nothing(tiny, tmp_path):
    (tmp_path / "file").write_text("mine")
    trainings = Trainings(tmp_path / "log.txt")
    assert trainings.run(*tiny(f"output={tmp_path / 'file'}")) == 2
    assert "cannot be written to" in (tmp_path / "log.txt").read_text()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "log.txt"]


# The record


def test_the_record_holds_what_it_promises(train_tiny):
    run = train_tiny(everything=True)
    assert sorted(entry.name for entry in run.path.iterdir()) == [
        "averages",
        "checkpoints",
        "config.yaml",
        "environment.json",
        "ledger_test.bin",
        "ledger_val.bin",
        "metrics.csv",
        "resources.csv",
        "result.json",
        "train.log",
    ]
    checkpoints = sorted(entry.stem for entry in (run.path / "checkpoints").iterdir())
    assert checkpoints == ["best", "best_ema_0.9", "best_ema_0.99", "last"]
    result = json.loads((run.path / "result.json").read_text())
    assert (result["schema"], result["status"], result["reason"]) == (1, "finished", None)
    assert yaml.safe_load((run.path / "config.yaml").read_text()) == run.config
    last = load(run.path)
    assert last["recipe_hash"] == result["recipe_hash"]
    assert set(last["views"]) == {"ema_0.9", "ema_0.99"}


def test_times_add_up(train_tiny):
    run = train_tiny("trainer.epochs=2")
    seconds, total = run.result["seconds"], run.result["total_seconds"]
    rows = run.metrics
    assert sum(row["epoch_seconds"] for row in rows) == pytest.approx(seconds)
    assert seconds < rows[-1]["seconds"] < total < rows[-1]["seconds"] + 5
    assert run.result["images_per_second"] == pytest.approx(360 / seconds)


def test_the_recorded_recipe_trains_the_same_again(train_tiny, tmp_path):
    first = train_tiny(everything=True)
    again = train(
        "trainer.resume=null",
        f"output={tmp_path / 'again'}",
        config=str(first.path),
        config_dir=str(USER_TREE),
        quiet=True,
    )
    assert_same(first.path, again.path)


def test_checkpoints_are_kept_where_asked(train_tiny):
    run = train_tiny("trainer.checkpoint_at=[5,2ep,100%]")
    assert sorted(run.record.checkpoints()) == sorted(["last", "best", "step_5", "step_12", "step_18"])
    assert [load(run.path, f"step_{n}")["step"] for n in (5, 12, 18)] == [5, 12, 18]
    assert different(load(run.path, "step_18")["model"], load(run.path)["model"]) == []
    shorter = train_tiny("trainer.steps=5", "scheduler=constant", "trainer.evaluate_every=5st")
    longer = train_tiny("trainer.steps=7", "scheduler=constant", "trainer.checkpoint_at=[5]")
    assert different(load(shorter.path)["model"], load(longer.path, "step_5")["model"]) == []


# A user's own network


@pytest.mark.parametrize("target", ["Tiny", "Smooth", "Fixed"])
def test_a_users_network_gets_the_facts_it_names_and_no_others(train_tiny, target):
    run = train_tiny(f"model._target_=tiny_net.{target}")
    assert run.result["status"] == "finished"
    assert type(run.model()).__name__ == target
    assert "num_classes" not in run.config["model"]


def test_a_fact_that_contradicts_the_data_is_refused(train_tiny, tmp_path):
    with pytest.raises(UserError, match=r"model\.num_classes=7 contradicts the data, which say 10"):
        train_tiny("model.num_classes=7")
    assert not (tmp_path / "outputs").exists()


def test_metrics_read_as_numbers(train_tiny):
    run = train_tiny()
    with open(run.path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["train_loss"]) for row in rows] == [row["train_loss"] for row in run.metrics]
    assert re.fullmatch("epoch,step,samples,seconds,lr,.*", (run.path / "metrics.csv").read_text().splitlines()[0])
