"""The cell's outputs in a real kernel: what is shown while the search lives, and what is kept."""

from __future__ import annotations

import time

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

MAKE = """
%load_ext nas_nb
import nas_nb as nas

search = nas.Search(
    {"layers": ["Dense"], "units": [2, 3, 4, 5, 6], "activations": ["relu"], "depth": [1]},
    nas.load("wine"), strategy="random", max_trials=3, epochs=2, name="small",
)
"""


def run(folder, *sources):
    """Runs the cells in a kernel of their own and returns them by their source."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    resources = {"metadata": {"path": str(folder)}}
    options = {"timeout": 120, "kernel_name": "python3", "allow_errors": True}
    NotebookClient(notebook, resources=resources, **options).execute()
    nbformat.validate(notebook)
    return {cell.source: cell.outputs for cell in notebook.cells}


def shown(outputs):
    """The kinds of each output that is data."""
    return [sorted(output.data) for output in outputs if "data" in output]


def text(outputs):
    return "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return run(
        tmp_path_factory.mktemp("kernel"),
        MAKE,
        "import sys; print('ipywidgets' in sys.modules)",
        "search.panel()",
        "search",
        "search.start();",
        "search.wait();",
        "print(search.state)",
        "search # ended",
        "search.panel() # ended",
        "search.plot.scores();",
        "ax = search.plot.learning_curves(); ax.set_title('changed later')",
        "ax",
        "import matplotlib.pyplot as plt; print(plt.get_fignums())",
        "%nas",
        "%nas report",
        "search.configure(max_trials=4); await search.start()",
        "%nas stop",
    )


RECORD = ["image/png", "text/html", "text/plain"]
NOTHING = ["text/html", "text/plain"]


def test_making_a_search_imports_no_widgets(cells):
    assert text(cells["import sys; print('ipywidgets' in sys.modules)"]) == "False\n"


@pytest.mark.parametrize("source", ["search.panel()", "search"])
def test_every_panel_that_no_page_has_shown_leaves_its_record_alone_in_the_file(cells, source):
    assert shown(cells[source]) == [NOTHING, RECORD]
    assert "4 of 4 trials ended." in cells[source][1].data["text/html"]


def test_an_ended_search_shows_its_record_and_panel_its_controls(cells):
    assert shown(cells["search # ended"]) == [RECORD]
    assert shown(cells["search.panel() # ended"]) == [NOTHING, RECORD]


def test_plots_are_shown_once_and_at_the_end_of_their_cell(cells):
    assert shown(cells["search.plot.scores();"]) == [RECORD]
    assert shown(cells["ax"]) == [RECORD]
    pictures = shown(cells["ax = search.plot.learning_curves(); ax.set_title('changed later')"])
    assert pictures.count(RECORD) == 1


def test_pyplot_is_left_alone(cells):
    assert text(cells["import matplotlib.pyplot as plt; print(plt.get_fignums())"]) == "[]\n"


def test_magics_speak_in_the_cell(cells):
    assert text(cells["%nas"]).startswith("small: Finished: max_trials=3 reached.")
    assert shown(cells["%nas report"]) == [RECORD]


def test_a_refusal_is_one_line_without_a_traceback(cells):
    (error,) = cells["%nas stop"]
    assert error.name == "stderr"
    assert error.text.startswith("UsageError: There is nothing to stop")
    assert error.text.count("\n") == 1


def test_an_interrupt_while_waiting_stops_the_search_and_keeps_the_record(tmp_path):
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:
        make = MAKE.replace("max_trials=3", "max_trials=1000").replace("epochs=2", "epochs=5000")
        client.execute(f"{make}\nsearch.panel(); search.start();", reply=True, timeout=120)
        client.execute("print('waits'); search.wait(); print(f'waited: {search.state}')")
        until_it_waits(client)
        manager.interrupt_kernel()
        kept, said = [], ""
        while not said:
            message = client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "update_display_data":
                kept.append(sorted(message["content"]["data"]))
            if message["msg_type"] == "stream" and "waited" in message["content"]["text"]:
                said = message["content"]["text"]
        assert said.strip() == "waited: stopped"
        assert kept[-2:] == [RECORD, NOTHING]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def until_it_waits(client):
    """Reads messages until the cell says so, and lets it get from there into the waiting."""
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "stream" and "waits" in message["content"]["text"]:
            time.sleep(1)
            return
