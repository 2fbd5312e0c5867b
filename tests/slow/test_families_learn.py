"""One narrow member of every family learns real photographs: CIFAR-10 as a folder of JPEG files.

RECIPELAB_CIFAR10_JPEG names the folder that holds train/ and test/, each with ten folders of classes.
"""

from __future__ import annotations

import os

import pytest

from recipelab.commands.train import train

ROOT = os.environ.get("RECIPELAB_CIFAR10_JPEG")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not ROOT, reason="RECIPELAB_CIFAR10_JPEG does not name a folder of CIFAR-10 as JPEG files"),
]

MEMBERS = {
    "mlp": ["model=mlp", "optimizer.lr=0.02", "trainer.epochs=8"],
    "cnn": ["model=cnn", "model.width=16"],
    "resnet_cifar": ["model=resnet20", "model.depth=8"],
    "resnet": ["model=resnet18", "model.depth=10", "model.width=16"],
    "preact_resnet": ["model=preact_resnet18", "model.depth=10", "model.width=16", "optimizer.lr=0.05"],
    "wide_resnet": ["model=wide_resnet16_4", "model.depth=10", "model.width=1"],
    "pyramidnet_shakedrop": ["model=pyramidnet110", "model.depth=14", "model.alpha=24.0", "model.shakedrop=true"],
    "vgg": ["model=vgg16", "model.depth=11", "model.width=16", "optimizer.lr=0.05"],
    "efficientnet_v2": [
        "model=efficientnet_v2_s",
        "model.width=0.25",
        "model.depth=0.3",
        "model.stochastic_depth=0.0",
        "optimizer.lr=0.05",
        "data.input_size=64",
    ],
    "convnext": [
        "model=convnext_tiny",
        "model.width=0.25",
        "model.depth=0.4",
        "model.stochastic_depth=0.0",
        "optimizer=adamw",
        "optimizer.lr=0.002",
        "data.input_size=64",
    ],
    "timm": ["model=timm", "model.name=resnet10t", "optimizer.lr=0.05", "data.input_size=64", "trainer.epochs=4"],
}


@pytest.mark.parametrize("family", MEMBERS)
def test_it_reaches_a_quarter_of_ten_classes(family, tmp_path):
    words = ["data=imagefolder", f"data.root={ROOT}", "data.limit=3000", "data.image_size=32", "seed=0"]
    words += ["trainer.threads=1", "trainer.epochs=6", "trainer.batch_size=64", "scheduler.warmup=1ep"]
    words += ["logger=none", "progress=false"]
    found = train(*words, *MEMBERS[family], f"output={tmp_path}", quiet=True)
    rows = found.metrics
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    print(f"{family}: test accuracy {found.result['headline']['accuracy']:.2%}, {found.result['seconds']:.0f} s")
    assert found.result["headline"]["accuracy"] >= 0.25
