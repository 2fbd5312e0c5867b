"""Contract suites: what the loop relies on in each slot, as checks that a user's own slots can run, too.

    from recipelab.testing import check_model

    def test_my_model():
        check_model(lambda: MyModel(num_classes=10, input_channels=3), image_size=(32, 32), input_channels=3)

Each check raises AssertionError saying what is broken.
"""

from recipelab.testing.contracts import (
    check_augment,
    check_data,
    check_logger,
    check_loss,
    check_mix,
    check_model,
    check_optimizer,
    check_scheduler,
)

__all__ = [
    "check_augment",
    "check_data",
    "check_logger",
    "check_loss",
    "check_mix",
    "check_model",
    "check_optimizer",
    "check_scheduler",
]
