"""An installation that looks like gcloud's, and processes like those of gcloud, where a test is about processes alone.

Its gcloud starts a child in its own process group and passes on what that prints, as gcloud does with Java; the child
answers HTTP, or does what ``STAND_IN`` in the environment says: ``hopeless``, ``silent``, ``fail``; ``slow`` answers
only when the file ``STAND_IN_GO`` is there, ``unlucky`` is hopeless only while it is not.
"""

import json
import sys
from pathlib import Path

COMPONENTS = ("pubsub-emulator", "beta")

GCLOUD = """
import json, os, subprocess, sys
given = dict(arg[2:].split("=", 1) for arg in sys.argv[1:] if "=" in arg)
if sys.argv[1] == "info":
    print(os.environ["STAND_IN_ROOT"])
    sys.exit()
with open(given["data-dir"] + "/seen.json", "w") as file:
    json.dump({"args": sys.argv[1:], "environ": dict(os.environ)}, file)
if os.environ.get("STAND_IN") == "fail":
    sys.exit("ERROR: (gcloud.beta.emulators.pubsub.start) It does not\\nwork today.")
child = subprocess.Popen(
    [sys.executable, "-S", os.path.dirname(__file__) + "/java.py", given["host-port"]],
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
)
for line in child.stdout:
    print("[pubsub] " + line, end="", file=sys.stderr, flush=True)
"""

JAVA = """
import http.server, os, signal, sys, time
way = os.environ.get("STAND_IN")
if way == "unlucky" and not os.path.exists(os.environ["STAND_IN_GO"]):
    open(os.environ["STAND_IN_GO"], "w").close()
    way = "hopeless"
if way == "hopeless":
    print('Exception in thread "main" java.net.BindException: Address already in use\\n\\tat java.base', flush=True)
while way == "slow" and not os.path.exists(os.environ["STAND_IN_GO"]):
    time.sleep(0.01)
if way in ("hopeless", "silent"):
    signal.pause()

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

host, _, port = sys.argv[1].rpartition(":")
http.server.HTTPServer((host, int(port)), Page).serve_forever()
"""


def install(root: Path) -> Path:
    """Make one in ``root``; the folder with its programs, to be put on PATH."""
    script = root / "lib" / "gcloud.py"
    config = root / "lib" / "googlecloudsdk" / "core" / "config.json"
    for folder in (config.parent, root / "bin", root / ".install"):
        folder.mkdir(parents=True)
    script.write_text(GCLOUD)
    (script.parent / "java.py").write_text(JAVA)
    config.write_text(json.dumps({"disable_updater": False}))
    for name in COMPONENTS:
        (root / ".install" / f"{name}.manifest").touch()
    program(root / "bin" / "gcloud", f'exec "{sys.executable}" -S "{script}" "$@"')
    program(root / "bin" / "java", "exit 0")
    return root / "bin"


def program(path: Path, shell: str) -> Path:
    """A program that runs these lines of shell."""
    path.write_text(f"#!/bin/sh\n{shell}\n")
    path.chmod(0o755)
    return path
