"""A container's environment, as manifests write it."""

from collections.abc import Mapping
from typing import Any

from pubsubctl.deploy.workload import quoted


def listed(values: Mapping[str, str], others: Mapping[str, Mapping[str, Any]]) -> str:
    """As a list of YAML, which Kubernetes and Cloud Run take.

    Args:
        values: what is known, by name.
        others: where the rest comes from, by name.
    """
    lines = [line for name, value in values.items() for line in (f"- name: {name}", f"  value: {quoted(value)}")]
    for name, source in others.items():
        lines += [f"- name: {name}", *_nested(source, "  ")]
    return "\n".join(lines)


def mapped(values: Mapping[str, str]) -> str:
    """As a mapping of YAML, which compose takes; a dollar sign is written twice there."""
    return "\n".join(f"{name}: {quoted(value.replace('$', '$$'))}" for name, value in values.items())


def _nested(value: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, inner in value.items():
        if isinstance(inner, str):
            lines.append(f"{indent}{key}: {inner}")
        else:
            lines += [f"{indent}{key}:", *_nested(inner, indent + "  ")]
    return lines
