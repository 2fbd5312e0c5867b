from __future__ import annotations

import pytest
import torch

from recipelab.core.generators import generator
from recipelab.data.sampling import epoch_order

LABELS = torch.tensor([0] * 70 + [1] * 25 + [3] * 8)


def drawn(sampling, epoch=0, labels=LABELS):
    return epoch_order(labels, sampling, generator(0, "order", epoch))


def test_shuffling_is_the_permutation_it_always_was():
    assert torch.equal(drawn("shuffle"), torch.randperm(103, generator=generator(0, "order", 0)))


def test_balanced_takes_every_class_equally_often_and_its_samples_as_evenly_as_can_be():
    for epoch in range(5):
        order = drawn("balanced", epoch)
        counts = torch.bincount(LABELS[order], minlength=4)
        assert len(order) == 103
        assert sorted(counts.tolist()) == [0, 34, 34, 35]
        for label in (0, 1, 3):
            times = torch.bincount(order, minlength=103)[label == LABELS]
            assert int(times.max() - times.min()) <= 1
    assert not torch.equal(LABELS[order], LABELS[order].sort().values)


def test_replacement_repeats_some_and_leaves_others_out():
    times = torch.bincount(drawn("replacement"), minlength=103)
    assert int(times.sum()) == 103
    assert 0.25 < float((times == 0).float().mean()) < 0.5  # 1/e


@pytest.mark.parametrize("sampling", ["shuffle", "replacement", "balanced"])
def test_an_epoch_has_draws_of_its_own_and_always_the_same(sampling):
    assert torch.equal(drawn(sampling, 3), drawn(sampling, 3))
    assert not torch.equal(drawn(sampling, 3), drawn(sampling, 4))


def test_more_classes_than_samples():
    labels = torch.tensor([5, 2, 9])
    assert sorted(drawn("balanced", labels=labels).tolist()) == [0, 1, 2]


def test_a_run_takes_it_and_resumes_in_the_middle(train_tiny, resume, tmp_path):
    import signal

    from compare import assert_same
    from processes import at, send
    from recipelab.core.errors import Interrupted

    words = ("trainer.sampling=balanced", "resizing=progressive", "resizing.start=0.6", "trainer.checkpoint_every=4st")
    words = (*words, "model._target_=tiny_net.AnySize")
    whole = train_tiny(f"output={tmp_path / 'whole'}", *words)
    with at("step", 9, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*words)
    assert_same(whole.path, resume(info.value.resume.split("trainer.resume=")[1]).path)
