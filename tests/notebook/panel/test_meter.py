from __future__ import annotations

import re

from nas_nb.notebook.panel.panel import MemoryMeter


def test_it_tells_the_memory_in_use_and_the_limit_where_there_is_one():
    assert re.fullmatch(r"memory \d+\.\d of 2\.5 GB", MemoryMeter(2_500_000_000).text())
    assert re.fullmatch(r"memory \d+\.\d( of \d+\.\d)? GB", MemoryMeter(None).text())
