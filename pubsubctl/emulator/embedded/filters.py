r"""The filter language of subscriptions (cloud.google.com/pubsub/docs/subscription-message-filter).

::

    filter     = operand { "AND" operand } | operand { "OR" operand }
    operand    = [ "NOT" | "-" ] ( "(" filter ")" | condition )
    condition  = "attributes" ":" key
               | "attributes" "." key ( "=" | "!=" ) string
               | "hasPrefix" "(" "attributes" "." key "," string ")"
    key        = letters, digits, "_" and "-", or a string

Words are case-sensitive, and white space may stand between any two symbols. What a string in quotation marks may
escape is not listed there; taken are the escape sequences of GoogleSQL (cloud.google.com/bigquery/docs/reference/
standard-sql/lexical#escape_sequences), where ``\x`` and octal digits stand for a Unicode code point.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pubsubctl.emulator.embedded.status import Refusal, invalid

Filter = Callable[[Mapping[str, str]], bool]

MAX_SIZE = 256

_SPACE = re.compile(r"\s*", re.ASCII)
_WORD_END = r"(?![A-Za-z0-9_])"
_NOT = re.compile(rf"NOT{_WORD_END}|-")
_OPERATOR = re.compile(rf"(?:AND|OR){_WORD_END}")
_OPEN = re.compile(r"\(")
_CLOSE = re.compile(r"\)")
_ATTRIBUTES = re.compile(rf"attributes{_WORD_END}")
_HAS_PREFIX = re.compile(rf"hasPrefix{_WORD_END}")
_COLON = re.compile(":")
_DOT = re.compile(r"\.")
_COMMA = re.compile(",")
_COMPARATOR = re.compile("!?=")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:[xX](?P<hex>[0-9A-Fa-f]{2})|u(?P<u4>[0-9A-Fa-f]{4})|U(?P<u8>[0-9A-Fa-f]{8})"
    r"|(?P<octal>[0-3][0-7]{2})|(?P<letter>.))",
    re.DOTALL,
)
_LETTERS = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))
_SURROGATES = range(0xD800, 0xE000)
_CODE_POINTS = 0x110000


def compile_filter(text: str) -> Filter:
    """A function that tells whether a message with these attributes passes the filter ``text``.

    ``attributes.KEY != "VALUE"`` is the negation of ``=``, so messages without the key pass it.

    Raises:
        Refusal: INVALID_ARGUMENT: the text is no filter, or has more than 256 bytes; names the place and what was
            expected there.
    """
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_SIZE:
        raise invalid(f"The filter has {size} bytes; at most {MAX_SIZE} are allowed (filter)")
    return _Parser(text).parse()


@dataclass
class _Group:
    """What stands between two parentheses, or in none: operands, each perhaps negated, and what joins them."""

    negated: bool = False
    operator: str = ""
    operands: list[tuple[Filter, bool]] = field(default_factory=list)

    def result(self) -> tuple[Filter, bool]:
        """The group as one operand; parentheses and double negations cost nothing when the filter is applied."""
        if len(self.operands) == 1:
            [(operand, negated)] = self.operands
            return operand, negated != self.negated
        operands = [_finished(*operand) for operand in self.operands]
        return (_all if self.operator == "AND" else _any)(operands), self.negated


class _Parser:
    """Reads one filter from left to right; open groups are on a list, so that no nesting is too deep."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> Filter:
        groups = [_Group()]
        while True:
            negated = self._takes(_NOT) is not None
            if self._takes(_OPEN):
                groups.append(_Group(negated))
                continue
            groups[-1].operands.append((self._condition(), negated))
            while len(groups) > 1 and self._takes(_CLOSE):
                operand = groups.pop().result()
                groups[-1].operands.append(operand)
            if len(groups) == 1 and self._is_at_end():
                return _finished(*groups[0].result())
            self._join(groups[-1], "the end" if len(groups) == 1 else ")")

    def _join(self, group: _Group, alternative: str) -> None:
        """Read the operator that joins what follows to the group."""
        operator = self._expect(_OPERATOR, f"AND, OR or {alternative}")
        if group.operator not in {"", operator}:
            self._at -= len(operator)
            raise self._refusal("AND and OR are mixed without parentheses")
        group.operator = operator

    def _condition(self) -> Filter:
        if self._takes(_HAS_PREFIX):
            return self._prefix_condition()
        self._expect(_ATTRIBUTES, "attributes, hasPrefix or (")
        if self._takes(_COLON):
            return _has(self._key())
        self._expect(_DOT, "a colon or a dot")
        key = self._key()
        comparator = self._expect(_COMPARATOR, "= or !=")
        return (_equals if comparator == "=" else _differs)(key, self._string("a string in double quotes"))

    def _prefix_condition(self) -> Filter:
        self._expect(_OPEN, "(")
        self._expect(_ATTRIBUTES, "attributes")
        self._expect(_DOT, "a dot")
        key = self._key()
        self._expect(_COMMA, "a comma")
        prefix = self._string("a string in double quotes")
        self._expect(_CLOSE, ")")
        return _has_prefix(key, prefix)

    def _key(self) -> str:
        bare = self._takes(_BARE_KEY)
        return self._string("a key, in double quotes unless of A-Z a-z 0-9 _ -") if bare is None else bare

    def _string(self, expected: str) -> str:
        literal = self._takes(_STRING)
        if literal is None:
            is_open = self._text.startswith('"', self._at)
            raise self._refusal("the string has no closing quotation mark" if is_open else f"expected {expected}")
        start = self._at - len(literal) + 1
        return _ESCAPE.sub(lambda escape: self._character(escape, start), literal[1:-1])

    def _character(self, escape: re.Match[str], start: int) -> str:
        """What one escape sequence of a string, whose content begins at ``start``, stands for."""
        letter, octal = escape["letter"], escape["octal"]
        number = int(octal, 8) if octal else int(escape["hex"] or escape["u4"] or escape["u8"] or "0", 16)
        if letter in _LETTERS:
            return _LETTERS[letter]
        if letter or number in _SURROGATES or number >= _CODE_POINTS:
            self._at = start + escape.start()
            raise self._refusal("expected an escape sequence")
        return chr(number)

    def _takes(self, symbol: re.Pattern[str]) -> str | None:
        """Pass over ``symbol`` if it is next, and return its text."""
        self._skip_space()
        match = symbol.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0]

    def _expect(self, symbol: re.Pattern[str], expected: str) -> str:
        found = self._takes(symbol)
        if found is None:
            raise self._refusal(f"expected {expected}")
        return found

    def _is_at_end(self) -> bool:
        self._skip_space()
        return self._at == len(self._text)

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._at)
        assert space is not None, "no space is space too"
        self._at = space.end()

    def _refusal(self, problem: str) -> Refusal:
        place = "at the end" if self._is_at_end() else f"at character {self._at + 1}"
        return invalid(f"Invalid filter: {problem} {place} (filter={self._text})")


def _finished(operand: Filter, negated: bool) -> Filter:
    return (lambda attributes: not operand(attributes)) if negated else operand


def _has(key: str) -> Filter:
    return lambda attributes: key in attributes


def _equals(key: str, value: str) -> Filter:
    return lambda attributes: attributes.get(key) == value


def _differs(key: str, value: str) -> Filter:
    return lambda attributes: attributes.get(key) != value


def _has_prefix(key: str, prefix: str) -> Filter:
    def matches(attributes: Mapping[str, str]) -> bool:
        value = attributes.get(key)
        return value is not None and value.startswith(prefix)

    return matches


def _all(operands: list[Filter]) -> Filter:
    def matches(attributes: Mapping[str, str]) -> bool:
        for operand in operands:  # noqa: SIM110 - a generator for all() takes twice as long
            if not operand(attributes):
                return False
        return True

    return matches


def _any(operands: list[Filter]) -> Filter:
    def matches(attributes: Mapping[str, str]) -> bool:
        for operand in operands:  # noqa: SIM110
            if operand(attributes):
                return True
        return False

    return matches
