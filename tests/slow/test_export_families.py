"""Every family of networks, in every dimension that it claims, exported in every format and run again."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from recipelab.commands.export_formats import FORMATS
from recipelab.models.deployed import Deployed, Normalized

_PLACE = Path(__file__).parents[1] / "models" / "test_families.py"
_SPEC = importlib.util.spec_from_file_location("families_of_models", _PLACE)
assert _SPEC is not None
assert _SPEC.loader is not None
families = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(families)

Family = Callable[..., nn.Module]
EVERY = [(family, dim, {}) for family, (_, dims) in families.FAMILIES.items() for dim in dims]
EVERY += [(family, dim, families.TECHNIQUES[name][0]) for family, dim, name in families.claims() if dim == 2]


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("family", "dim", "options"), EVERY)
def test_it_gives_what_the_network_gives(
    family: Family, dim: int, options: dict[str, object], format: str, tmp_path: Path
) -> None:
    how = FORMATS[format]
    model = families.build(family, dim, **options).eval()
    network = Deployed(model, Normalized([0.5, 0.4], [0.2, 0.3]), temperature=1.7)
    size = families.size_of(family, dim, families.SIZES)
    images = torch.randint(0, 256, (4, *size, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    file = tmp_path / f"network{how.suffix}"
    how.write(network, images, file, {"view": "raw"}, True)
    blank = copy.deepcopy(network)
    for value in blank.state_dict().values():
        value.zero_()
    run, metadata = how.read(file, blank)
    assert metadata["view"] == "raw"
    with torch.no_grad():
        for count in (1, 3, 4):
            wanted = network(images[:count])
            apart = (run(images[:count]) - wanted).abs().max()
            assert apart <= how.tolerance * wanted.abs().max().clamp(min=1.0)
