"""What ends a process group when the process that watches over it is gone, even by SIGKILL."""

import contextlib
import subprocess

_KILLER = 'read -r group && { read -r _; kill -s KILL -- "-$group"; }'
_JOINER = 'echo $$ && exec "$@" >&2'
"""It joins before it becomes the command, so that there is no moment at which a group exists without its leash."""


class Leash:
    """A shell of a few hundred kB at the other end of a pipe that only this process holds open.

    The first line that it reads names the group; the end of the pipe, which comes with the end of this process, is the
    sign to kill. The shell is in a session of its own: what a terminal sends to all does not reach it. Nothing of this
    is special to a system, unlike parent-death signals, which also go no further than to the next generation.
    """

    def __init__(self) -> None:
        self._shell = self._start()

    def join(self, command: list[str]) -> list[str]:
        """A command that becomes ``command``, once its group is told; its stdout must be ``self.end``."""
        return ["/bin/sh", "-c", _JOINER, "sh", *command]

    @property
    def end(self) -> int:
        """Our end of the pipe."""
        assert self._shell.stdin is not None
        return self._shell.stdin.fileno()

    def renew(self, group: int) -> None:
        """Replace the shell if somebody has ended it."""
        if self._shell.poll() is not None:
            self._close()
            self._shell = self._start()
            assert self._shell.stdin is not None
            self._shell.stdin.write(f"{group}\n".encode())

    def let_go(self) -> None:
        """End the shell without what it is for; to be called when the group has ended."""
        self._shell.kill()
        self._shell.wait()
        self._close()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["/bin/sh", "-c", _KILLER, "pubsubctl-leash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )

    def _close(self) -> None:
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._shell.stdin.close()
