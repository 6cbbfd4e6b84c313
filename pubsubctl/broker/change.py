"""What is to be set, changed and cleared in a topic or a subscription. Pure.

Settings are in protobuf's JSON form under the API's field names: ``{"message_retention_duration": "600s"}``. How they
are joined with those that there are is RFC 7396 (JSON Merge Patch): what is not named stays, null takes a value away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A change that has been asked for.

    Attributes:
        values: what to set, and as None what to take away.
        anew: fields of which nothing stays but what ``values`` has.
    """

    values: Settings = field(default_factory=dict)
    anew: frozenset[str] = frozenset()

    @property
    def fields(self) -> list[str]:
        """The fields that it is about: the update mask."""
        return [*self.values, *sorted(self.anew - self.values.keys())]

    def applied(self, settings: Settings) -> dict[str, Any]:
        """What ``settings`` become."""
        kept = {name: value for name, value in settings.items() if name not in self.anew}
        return merged(kept, self.values)


def merged(settings: Any, values: Settings) -> dict[str, Any]:
    """``settings`` with ``values`` merged into them, as RFC 7396 has it."""
    result = dict(settings) if isinstance(settings, Mapping) else {}
    for name, value in values.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value) if isinstance(value, Mapping) else value
    return result
