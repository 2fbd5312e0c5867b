"""Memory runs out, by an injected failure: the same samples, the same steps, the same weights to rounding."""

from __future__ import annotations

import signal

import pytest
import torch

from compare import assert_same, different, load
from processes import at, send
from recipelab.core.batch import Target
from recipelab.core.errors import Interrupted, RunError
from recipelab.loop.back_off import BackOff
from recipelab.optim.sam import Sam

SPLIT = ("model._target_=tiny_net.Cramped", "trainer.on_out_of_memory=split", "augment=none")


def near(a, b):
    for key, value in a.items():
        if key != "forwards":
            torch.testing.assert_close(value, b[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("most", "parts"), [(16, 2), (10, 4), (1, 32)])
@pytest.mark.parametrize("words", [(), ("sam=sam",), ("trainer.accumulate=2", "trainer.batch_size=32")])
def test_no_sample_is_lost_or_repeated_and_the_training_is_the_same(train_tiny, tmp_path, most, parts, words):
    words = (*SPLIT, "trainer.epochs=2", *words)
    roomy = train_tiny(f"output={tmp_path / 'roomy'}", "model.most=1000", *words)
    cramped = train_tiny(f"model.most={most}", "model.room_until=4", *words)
    near(load(cramped.path)["model"], load(roomy.path)["model"])
    assert roomy.result["out_of_memory"] == []
    events = cramped.result["out_of_memory"]
    assert [event["parts"] for event in events] == [2**i for i in range(1, parts.bit_length())]
    assert f"{parts} parts" in (cramped.path / "train.log").read_text()
    rows = [run.metrics for run in (roomy, cramped)]
    assert [r["samples"] for r in rows[0]] == [r["samples"] for r in rows[1]]


def test_the_epoch_holds_every_sample_once_though_a_step_failed(train_tiny, monkeypatch):
    kept = []
    from recipelab.commands import train as story

    def watch(job, stop, *more):
        parts = assemble(job, stop, *more)
        kept.append(parts.step.model)
        return parts

    assemble = story.assemble
    monkeypatch.setattr(story, "assemble", watch)
    train_tiny(*SPLIT, "model.most=9", "model.room_until=2", "trainer.epochs=1")
    (model,) = kept
    seen = torch.stack(model.seen).flatten(1)
    assert len(seen) == 180
    once = {tuple(row) for row in seen.tolist()}
    assert len(once) > 175  # as digits of 180 differ; a repeated batch would lose 32 of them


def test_it_stays_split_after_a_resume_and_the_bits_are_those_of_the_uninterrupted_run(train_tiny, resume, tmp_path):
    words = (*SPLIT, "model.most=16", "trainer.checkpoint_every=4st")
    whole = train_tiny(f"output={tmp_path / 'whole'}", *words)
    with at("step", 9, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*words)
    again = resume(info.value.resume.split("trainer.resume=")[1])
    assert_same(whole.path, again.path)
    assert again.result["out_of_memory"] == [{"step": 1, "parts": 2}]


def test_without_it_memory_ends_the_run_and_one_sample_too_many_does_in_any_case(train_tiny):
    words = ("model._target_=tiny_net.Cramped", "model.most=0")
    with pytest.raises(torch.OutOfMemoryError):
        train_tiny(*words)
    with pytest.raises(RunError, match="out of memory in step 1 with one sample in a forward"):
        train_tiny(*words, "trainer.on_out_of_memory=split")


def test_neither_gradients_nor_batch_statistics_keep_a_trace_of_the_failure(make_step, batches):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(64), torch.nn.Linear(64, 10))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    found = []
    for fail in (False, True):
        model.load_state_dict(state)
        back_off = BackOff(model)
        back_off.parts = 1 if fail else 2
        failed = []

        def cramped(module, inputs, failed=failed, fail=fail):
            if fail and len(inputs[0]) > 8 and module.training and len(failed) < 1 and module is model[2]:
                failed.append(1)
                raise torch.OutOfMemoryError("CUDA out of memory.")

        handle = model[2].register_forward_pre_hook(cramped)
        step = make_step(model, back_off=back_off, climb=Sam(model))
        for index, batch in enumerate(batches(3)):
            step([batch], index)
        handle.remove()
        found.append({k: v.clone() for k, v in model.state_dict().items()})
    assert different(*found) == []


def test_targets_are_cut_as_the_images_are():
    target = Target(torch.arange(5), torch.arange(5).flip(0), torch.tensor(0.3))
    parts = target.parts(2)
    assert [p.first.tolist() for p in parts] == [[0, 1, 2], [3, 4]]
    assert [p.second.tolist() for p in parts] == [[4, 3, 2], [1, 0]]
    assert all(float(p.weight) == pytest.approx(0.3) for p in parts)
    each = Target(torch.arange(4), torch.arange(4), torch.rand(4))
    assert torch.equal(torch.cat([p.weight for p in each.parts(3)]), each.weight)
    assert [p.second for p in Target(torch.arange(4)).parts(4)] == [None] * 4
