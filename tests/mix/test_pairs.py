"""Targets of mixed pairs compose with any loss of one value a sample."""

import pytest
import torch
import torch.nn.functional as F

from recipelab.core.errors import UserError
from recipelab.mix.cutmix import CutMix
from recipelab.mix.mixup import Mixup
from recipelab.mix.mixup_cutmix import MixupCutMix
from recipelab.mix.pairs import pair, permuted

PERMUTATION = torch.tensor([2, 0, 1])


@pytest.mark.parametrize("weight", [torch.tensor(0.3), torch.tensor([0.0, 0.25, 1.0])])
def test_labels_become_a_pair_whose_losses_are_blended(weight):
    labels, logits = torch.tensor([0, 1, 2]), torch.randn(3, 4)
    target = pair(labels, PERMUTATION, weight)
    assert target.second.tolist() == [2, 0, 1]

    def loss(wanted):
        return F.cross_entropy(logits, wanted, label_smoothing=0.1, weight=torch.arange(1.0, 5.0), reduction="none")

    torch.testing.assert_close(target.blend(loss), weight * loss(labels) + (1 - weight) * loss(labels[PERMUTATION]))
    hot = F.one_hot(labels, 4).float(), F.one_hot(labels[PERMUTATION], 4).float()
    wide = weight.view(-1, 1)

    def binary(wanted):
        return F.binary_cross_entropy_with_logits(logits, F.one_hot(wanted, 4).float(), reduction="none").sum(1)

    soft = F.binary_cross_entropy_with_logits(logits, wide * hot[0] + (1 - wide) * hot[1], reduction="none").sum(1)
    torch.testing.assert_close(target.blend(binary), soft)


@pytest.mark.parametrize("weight", [torch.tensor(0.3), torch.tensor([0.0, 0.25, 1.0])])
def test_numbers_are_blended(weight):
    targets = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    wide = weight.view(-1, 1)
    target = pair(targets, PERMUTATION, weight)
    torch.testing.assert_close(target.first, wide * targets + (1 - wide) * targets[PERMUTATION])
    assert target.weight is None


def test_partners_keep_the_memory_order():
    images = torch.randn(3, 2, 4, 4).contiguous(memory_format=torch.channels_last)
    assert torch.equal(permuted(images, PERMUTATION), images[PERMUTATION])
    assert permuted(images, PERMUTATION).stride() == images.stride()


@pytest.mark.parametrize("mix", [Mixup, CutMix, MixupCutMix])
def test_a_duration_that_is_none_is_refused_when_it_is_built(mix):
    assert mix(off_after="90%").off_after == "90%"
    with pytest.raises(UserError, match=r"mix\.off_after='9xx' is not a duration"):
        mix(off_after="9xx")
