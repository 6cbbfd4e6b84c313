"""What the pictures of the benchmarks are drawn with: one hand, readable on light and on dark pages."""

from collections.abc import Iterable
from html import escape

# It has a ground of its own: a page can be dark where the system that draws the picture prefers light, or the reverse.
_LIGHT = """
  text { font: 13px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .ground { fill: #ffffff; stroke: #d1d9e0 }
  .title { font-size: 17px; font-weight: 600 }
  .head { font-weight: 600 }
  .quiet { fill: #59636e; font-size: 12px }
  .bar { fill: #b6bfc9 }
  .ours { fill: #0969da }
  text.ours { font-weight: 600 }
  .axis { stroke: #d1d9e0 }
  .limit { stroke: #59636e; stroke-dasharray: 4 3 }
"""
_DARK = """
    text { fill: #e6edf3 }
    .ground { fill: #0d1117; stroke: #3d444d }
    .quiet { fill: #9198a1 }
    .bar { fill: #545d68 }
    .ours { fill: #4493f8 }
    .axis { stroke: #3d444d }
    .limit { stroke: #9198a1 }
"""


def page(width: float, height: float, told: str, lines: Iterable[str], *, light: str = "", dark: str = "") -> str:
    """A picture as a file.

    Args:
        width: of it, in pixels, as ``height``.
        height: of it.
        told: the same in words, for those who do not see it.
        lines: what is drawn.
        light: rules of style of this picture's own.
        dark: the same where the page is dark.
    """
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    style = f"{_LIGHT}{light}  @media (prefers-color-scheme: dark) {{{_DARK}{dark}  }}\n"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(told)}">',
            f"<style>{style}</style>",
            f'<rect class="ground" x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="8"/>',
            *lines,
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, kind: str = "", *, anchor: str = "") -> str:
    """Words on one line; ``anchor`` is ``middle`` or ``end`` where they do not begin at ``x``."""
    of_class = f' class="{kind}"' if kind else ""
    at = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{of_class} x="{x:.1f}" y="{y:g}"{at}>{escape(words)}</text>'


def rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    """A bar."""
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}"/>'


def rule(kind: str, x: float, top: float, bottom: float) -> str:
    """An upright line."""
    return f'<line class="{kind}" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>'


def level(kind: str, left: float, right: float, y: float) -> str:
    """A flat line."""
    return f'<line class="{kind}" x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}"/>'
