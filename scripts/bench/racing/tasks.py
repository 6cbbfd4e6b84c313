"""The module of a contestant's tasks, which its workers import in processes of theirs, and its client in this one."""

import importlib
import os
import sys
from types import ModuleType

VARIABLE = "RACING_REDIS"


def url() -> str:
    """Where Redis is; for the modules of tasks."""
    return os.environ[VARIABLE]


def tasks_at(module: str, redis_url: str) -> ModuleType:
    """The module with its application at this Redis: made anew, as each round has a Redis of its own."""
    os.environ[VARIABLE] = redis_url
    known = sys.modules.get(module)
    return importlib.reload(known) if known else importlib.import_module(module)
