"""The ``gcloud`` command, pointed at an emulator: it speaks nothing but REST to Pub/Sub."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

TIMEOUT_S = 60


class Gcloud:
    """``gcloud pubsub`` for one project."""

    def __init__(self, address: str, project: str, config: Path) -> None:
        """Nothing is run yet; gcloud keeps what it keeps in ``config``, not in the user's own folder."""
        self._environment = os.environ | {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{address}/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CONFIG": str(config),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_CORE_PROJECT": project,
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        }

    def __call__(self, command: str, *arguments: str) -> Any:
        """Run a command and return what it prints; None if that is nothing.

        Args:
            command: such as ``topics create``.
            arguments: what follows it.
        """
        done = self._run(command, *arguments)
        assert done.returncode == 0, f"gcloud pubsub {command} {arguments}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refusal(self, command: str, *arguments: str) -> str:
        """Run a command that is to fail, and return what it says."""
        done = self._run(command, *arguments)
        assert done.returncode == 1, f"gcloud pubsub {command} {arguments} did not fail: {done.stdout}{done.stderr}"
        return done.stderr

    def _run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["gcloud", "pubsub", *command.split(), *arguments, "--format=json", "--quiet"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
