"""Write the contact sheets of docs/augmentation.md: every policy on three tiles of scikit-learn's sample photographs.

    python docs/sheets.py

32x32 pixels, as CIFAR's; policies that give a size of their own are asked for 64. Colours are reduced to 64 so that the
files stay small.
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from recipelab.commands.show import _photographs
from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.core.facts import Facts
from recipelab.core.generators import epoch_draws, generator
from recipelab.figures.contact_sheet import contact_sheet

FOLDER = Path(__file__).parent / "sheets"
DRAWS, TILES = 6, (0, 1, 4)
CIFAR10_MEAN, CIFAR10_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
SIZED = {
    "finetune": ["augment.resize=72", "augment.crop=64", "augment.eval.resize=72", "augment.eval.crop=64"],
    "imagenet": ["augment.size=64", "augment.eval.resize=72", "augment.eval.crop=64", "augment.policy=trivialaugment"],
}
POLICIES = (
    "baseline",
    "cutout",
    "autoaugment",
    "randaugment",
    "randaugment_uda",
    "trivialaugment",
    "heavy",
    "finetune",
    "imagenet",
)


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for policy in POLICIES:
        size = (96, 96) if policy in SIZED else (32, 32)
        facts = Facts("classification", 10, 3, size, CIFAR10_MEAN, CIFAR10_STD)
        recipe = check(compose(["data=cifar10", f"augment={policy}", *SIZED.get(policy, [])]))
        augment = recipe.with_facts(facts).slots["augment"].build()
        originals = _photographs(size, 3)[list(TILES)]
        images = originals.repeat_interleave(DRAWS, 0)
        draws = epoch_draws(augment, torch.arange(len(images)), 0, generator(1, "augment"))
        made = augment(images.movedim(-1, 1), draws).movedim(1, -1)
        made = made.reshape(len(TILES), DRAWS, *made.shape[1:]).numpy()
        path = FOLDER / f"{policy}.png"
        contact_sheet(originals.numpy(), made, path, f"augment={policy}", augment.describe(draws))
        with Image.open(path) as sheet:
            small = sheet.convert("RGB").quantize(64, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
