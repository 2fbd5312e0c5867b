"""Other tasks than images of classes, trained in earnest: angles of real digits, and ripples in one and three
dimensions, against what a linear model makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from recipelab.commands.train import train
from recipelab.testing.generators import ripples, rotated_digits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
RECIPE = ("model=cnn", "optimizer=adamw", "optimizer.lr=0.003", "trainer.batch_size=64", "seed=1", "progress=false")


@pytest.mark.parametrize("source", ["arrays", "csv"])
def test_the_angle_of_a_digit(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Angles are uniform in +-60 degrees: guessing the mean is off by 30, and a digit's own slant is some degrees."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images, angles = rotated_digits()
    if source == "arrays":
        np.savez(tmp_path / "digits.npz", images=images, targets=angles)
        data = ("data=arrays", f"data.root={tmp_path / 'digits.npz'}")
    else:
        for row, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / f"{row}.png")
        lines = [f"{row}.png,{angle}" for row, angle in enumerate(angles)]
        (tmp_path / "digits.csv").write_text("\n".join(["path,angle", *lines]))
        data = ("data=csv", f"data.root={tmp_path / 'digits.csv'}", "data.target=angle", "data.input_channels=1")
    run = train(*RECIPE, *data, "augment=none", "trainer.epochs=25", f"output={tmp_path / 'out'}", quiet=True)
    found = run.result["test"]["best"]["raw"]
    print(f"{source}: test MAE {found['mae']:.2f} degrees, R2 {found['r2']:.4f}")
    assert found["mae"] < 4
    assert found["r2"] > 0.97
    assert (run.path / "figures" / "parity_val.png").stat().st_size > 10_000


@pytest.mark.parametrize(("dims", "size", "count", "kind"), [(1, 64, 1500, "float32"), (3, 16, 1000, "uint8")])
def test_ripples(dims: int, size: int, count: int, kind: str, tmp_path: Path):
    values, labels = ripples(dims, count, size=size)
    if kind == "uint8":
        values = np.clip(128 + 40 * values, 0, 255).astype(np.uint8)
    part = count * 4 // 5
    train_part = {"x_train": values[:part], "y_train": labels[:part]}
    np.savez(tmp_path / "r.npz", **train_part, x_test=values[part:], y_test=labels[part:])
    more = ("data=arrays", f"data.root={tmp_path / 'r.npz'}", "augment.padding=1", "trainer.epochs=15")
    run = train(*RECIPE, *more, f"output={tmp_path / 'out'}", quiet=True)
    assert run.facts.image_dtype == kind
    assert len(run.facts.image_size) == dims
    flat = (values.reshape(count, -1).astype(np.float64) - values.mean()) / values.std()
    linear = LogisticRegression(C=0.01, max_iter=3000).fit(flat[:part], labels[:part])
    rival = linear.score(flat[part:], labels[part:])
    accuracy = run.result["test"]["best"]["raw"]["accuracy"]
    print(f"{dims}-D: accuracy {accuracy:.2%}, logistic regression {rival:.2%}")
    assert accuracy > rival + 0.2
