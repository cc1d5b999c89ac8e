from __future__ import annotations

import pytest

from nas_nb.data import datasets
from nas_nb.errors import DataError


def test_texts_of_packages_do_not_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "PACKAGES", {"json": ("json",), "email": ("email",)})
    data = datasets.docstrings()
    assert data.classes == ("email", "json")
    assert not {"json", "email"} & set(data.raw.words)


def test_without_packages_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "PACKAGES", {"no_such_package": ()})
    with pytest.raises(DataError, match=r"Data\.from_texts"):
        datasets.docstrings()
