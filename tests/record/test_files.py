from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nas_nb.errors import SearchError
from nas_nb.record.files import writing


@pytest.mark.parametrize(
    ("path", "folder", "said"),
    [
        ("no/trials.csv", False, "No such file or directory. Make the folder"),
        ("file/trials.csv", False, "Not a directory. A part of it is a file"),
        (".", False, "Is a directory. It is a folder: add the name of a file"),
        ("no/model", True, "No such file or directory. Make the folder"),
        ("file", True, "File exists. It is a file: take the path of a folder"),
    ],
)
def test_a_path_that_can_not_be_written_is_one_sentence_with_a_remedy(
    tmp_path: Path, path: str, folder: bool, said: str
) -> None:
    (tmp_path / "file").touch()
    expected = f"path that can be written. Received: .*: {said}"
    with (
        pytest.raises(SearchError, match=expected),
        writing(tmp_path / path, SearchError, folder=folder),
    ):
        raise AssertionError("it began to write")


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "Make room on the disk"),
        (errno.EDQUOT, "Make room in your quota"),
        (errno.EACCES, "Take a folder that you may change"),
        (errno.EROFS, "Take a folder that you may change"),
        (errno.EIO, "Take another path"),
    ],
)
def test_what_the_system_says_while_it_is_written_is_told(
    tmp_path: Path, code: int, remedy: str
) -> None:
    expected = f"{os.strerror(code)}. {remedy}"
    with (
        pytest.raises(SearchError, match=expected),
        writing(tmp_path / "trials.csv", SearchError),
    ):
        raise OSError(code, os.strerror(code))
