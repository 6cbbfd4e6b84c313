"""A worker that follows changes of the application's code.

On the embedded emulator alone: the broker, whichever it is, has no part in this.
"""

from pathlib import Path

from project import Project, ended, until_running, wait_for

from pubsubctl.worker.reload import snapshot, watched_folders

APP = """
import time
from pathlib import Path
from flask import Flask
app = Flask(__name__)

@app.get("/version")
def version():
    return "{version}"

@app.get("/until/<path:file>")
def until(file):
    while not Path("/" + file).exists():
        time.sleep(0.01)
    return "{version}"
"""


def write(project: Project, version: str) -> None:
    (project.folder / "edited.py").write_text(APP.replace("{version}", version))


def test_new_jobs_run_the_new_code_and_what_runs_ends_with_the_old(project):
    write(project, "old")
    project.worker("--reload", "-p", "1", app="edited:app")
    with project.client() as client:
        running = client.submit("GET", f"/until{project.folder}/end")
        until_running(running)
        write(project, "newer")
        wait_for(lambda: "the new code is loaded" in project.log(), what="the change is seen")
        assert client.submit("GET", "/version").result(20).body == b"newer"
        (project.folder / "end").touch()
        assert running.result(20).body == b"old"
        assert ended(running).attempt == 1


def test_code_that_does_not_import_is_told_once_and_waits_for_the_next_change(project):
    write(project, "old")
    worker = project.worker("--reload", "-p", "2", app="edited:app")
    with project.client() as client:
        (project.folder / ".edited").write_text("import missing_module\n")
        (project.folder / ".edited").replace(project.folder / "edited.py")  # at once: half of it is another change
        wait_for(lambda: "no job is begun until" in project.log(), what="it says so")
        job = client.submit("GET", "/version")
        write(project, "mended")
        assert job.result(20).body == b"mended"
    assert worker.poll() is None
    assert project.log().count("no job is begun until") == 1


def test_hidden_and_installed_code_is_not_watched(tmp_path: Path) -> None:
    for name in (
        "app.py",
        "package/code.py",
        ".hidden/code.py",
        "venv/lib/code.py",
        "site-packages/code.py",
        "data.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "venv/pyvenv.cfg").touch()
    assert {Path(path).relative_to(tmp_path).as_posix() for path in snapshot([tmp_path])} == {
        "app.py",
        "package/code.py",
    }


def test_a_folder_within_another_is_watched_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    assert watched_folders("app:app", {"PYTHONPATH": str(tmp_path / "inner")}) == [tmp_path]
