from __future__ import annotations

import sys

import pytest

from nas_nb.lazy import lazy

NOISY = """
import os
os.write(2, b"noise of a library")
thing = 1
"""


@pytest.fixture
def get(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    (tmp_path / "noisy_library.py").write_text(NOISY)
    (tmp_path / "broken_library.py").write_text(f"{NOISY}raise ImportError('broken')")
    homes = {"thing": "noisy_library", "other": "broken_library:thing"}
    get, _ = lazy({"__name__": "here", "__all__": []}, homes, "no {name}")
    yield get
    for name in ("noisy_library", "broken_library"):
        sys.modules.pop(name, None)


def test_what_a_library_writes_past_python_when_it_is_imported_is_not_shown(get, capfd):
    assert get("thing") == 1
    assert capfd.readouterr().err == ""


def test_it_is_shown_if_the_import_fails(get, capfd):
    with pytest.raises(ImportError, match="broken"):
        get("other")
    assert capfd.readouterr().err == "noise of a library"
