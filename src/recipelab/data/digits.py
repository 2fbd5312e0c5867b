"""Handwritten digits, embedded in scikit-learn: real data without a download.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998 (its test set), as in
`sklearn.datasets.load_digits`.
"""

from __future__ import annotations

import numpy as np
import torch

from recipelab.data.pool import Pool, Say


class Digits:
    """1,797 grey images of 8x8 pixels, ten classes; no test part (it is split off by `data.test_split`)."""

    def facts(self) -> dict[str, object]:
        """Everything but the statistics is known without loading."""
        return {
            "task": "classification",
            "num_classes": 10,
            "input_channels": 1,
            "image_size": (8, 8),
            "class_names": tuple("0123456789"),
        }

    def load(self, say: Say) -> tuple[Pool, None]:
        """Images (1797, 8, 8, 1) uint8: the 17 grey levels 0..16 scaled to 0..255 and rounded."""
        from sklearn.datasets import load_digits  # imported here: it takes a second or two

        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
        return Pool(torch.from_numpy(images), torch.from_numpy(digits.target.astype(np.int64))), None
