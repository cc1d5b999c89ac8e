"""A Jupyter server of the tests' own: free port, private folders, no news from the internet."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

# What the wheel puts where front ends look; an editable install may be older.
LABEXTENSIONS = Path(__file__).parents[2] / "labextensions"
START_LIMIT_S = 120
STOP_LIMIT_S = 20

# By default JupyterLab draws only the cells in view, saves by itself and offers to show news.
SETTINGS = {
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
FOLDERS = (
    "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)


# What each front end is started by, and where it shows one document alone.
FRONT_ENDS = {
    "lab": ("jupyterlab", "doc/tree"),
    "notebook": ("notebook", "notebooks"),
}


class JupyterServer:
    """JupyterLab or Notebook in a process group of its own, as a context manager.

    Args:
        home: A folder for everything that it writes.
        front_end: "lab" or "notebook".

    Attributes:
        front_end: Which it is.
        files: The folder that the server shows; kernels start in it.
        url: Address without a slash at the end, known after entering.
        token: The server's secret, known after entering.
    """

    def __init__(self, home: Path, front_end: str = "lab") -> None:
        self.front_end = front_end
        self._module, self._documents = FRONT_ENDS[front_end]
        self.files = home / "files"
        self.files.mkdir()
        self._log = home / "server.log"
        self._folders = {name: home / name.lower() for name in FOLDERS}
        for folder in self._folders.values():
            folder.mkdir()
        for plugin, values in SETTINGS.items():
            package, name = plugin.split(":")
            file = (
                self._folders["JUPYTERLAB_SETTINGS_DIR"] / package / f"{name}.jupyterlab-settings"
            )
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))

    def __enter__(self) -> JupyterServer:
        command = [sys.executable, "-m", self._module, "--no-browser", "--allow-root"]
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": "0",  # the system chooses a free one
            "ServerApp.root_dir": str(self.files),
            # window.jupyterapp, which the driver commands
            "LabApp.expose_app_in_browser": "True",
            "JupyterNotebookApp.expose_app_in_browser": "True",
            "LabApp.extra_labextensions_path": str(LABEXTENSIONS),
            "JupyterNotebookApp.extra_labextensions_path": str(LABEXTENSIONS),
            "LabApp.news_url": "None",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command + [f"--{name}={value}" for name, value in options.items()],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **{name: str(path) for name, path in self._folders.items()}},
                start_new_session=True,
            )
        self.url, self.token = self._wait_until_it_answers()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGTERM)  # it shuts its kernels down
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)

    def address(self, name: str) -> str:
        """Returns the address of a file, shown alone."""
        return f"{self.url}/{self._documents}/{name}?token={self.token}"

    def stop_kernels(self) -> None:
        """Ends all kernels, so that what one test left running takes nothing from the next."""
        with self._ask("GET", "kernels") as answer:
            kernels = json.load(answer)
        for kernel in kernels:
            self._ask("DELETE", f"kernels/{kernel['id']}").close()

    def _ask(self, method: str, path: str) -> http.client.HTTPResponse:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", headers=headers, method=method)
        return urllib.request.urlopen(request, timeout=STOP_LIMIT_S)

    def _wait_until_it_answers(self) -> tuple[str, str]:
        announced = self._folders["JUPYTER_RUNTIME_DIR"] / f"jpserver-{self._process.pid}.json"
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                info = json.loads(announced.read_text())
                url = f"http://127.0.0.1:{info['port']}"
                with urllib.request.urlopen(f"{url}/api?token={info['token']}", timeout=5):
                    return url, info["token"]
            except (OSError, ValueError):  # no file yet, half a file, or no answer yet
                time.sleep(0.1)
        raise RuntimeError(
            f"JupyterLab did not start. Its log ends:\n{self._log.read_text()[-3000:]}"
        )
