"""What a study may ask to be drawn, and what is refused before any work."""

import pytest

from recipelab.core.errors import UserError
from recipelab.studies.arms import arms_of
from recipelab.studies.definition import read_study

GRID = {"grid": {"scheduler": ["cosine", "constant"], "optimizer.lr": [0.1, 0.05]}}


def arms(figures):
    study, words = read_study({**GRID, "figures": figures})
    return arms_of(study, words)


def test_names_and_options_are_taken():
    assert (
        len(
            arms(
                [
                    "arms",
                    {"show": "curves", "panel": "scheduler", "rates": True},
                    {"show": "ledger", "arm": "cosine, lr=0.1"},
                ]
            )
        )
        == 4
    )


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("curve", "did you mean: curves"),
        ({"show": "curves", "pannel": "scheduler"}, "did you mean: study.figures[0].panel"),
        ({"show": "curves", "panel": "schedule"}, "did you mean: scheduler"),
        ({"show": "curves", "rates": "often"}, "rates"),
        ({"show": "ledger", "arm": "cosine, lr=0.2"}, "did you mean: cosine, lr=0.1"),
        ({"panel": "scheduler"}, "a name is expected"),
        (3, "a name is expected"),
        ("scatter", "by"),
    ],
)
def test_what_is_none_is_refused_with_the_nearest(figure, words):
    with pytest.raises(UserError) as error:
        arms([figure])
    assert words in str(error.value)
    assert "study.figures[0]" in str(error.value)
