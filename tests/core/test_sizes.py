from __future__ import annotations

import pytest

from recipelab.core.errors import UserError
from recipelab.core.sizes import shown_size, size_in_bytes


def test_sizes():
    found = [size_in_bytes(text) for text in ("2GB", "500MB", "1.5GiB", "3 kb", "1TB")]
    assert found == [2 * 10**9, 5 * 10**8, 3 * 2**29, 3000, 10**12]
    assert [shown_size(n) for n in (999, 45_120_000, 2 * 10**9)] == ["999 bytes", "45.1 MB", "2 GB"]


@pytest.mark.parametrize("text", ["2", "2G", "GB", "-1GB", "1e3MB", "2 GB or so"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UserError, match="averaging.store_limit='.*' is not a size"):
        size_in_bytes(text, "averaging.store_limit")
