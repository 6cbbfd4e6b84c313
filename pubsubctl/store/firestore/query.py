"""A question about many documents: what it matches, its order, how Firestore is asked. Pure.

It can be answered by Firestore, and by us for what a group has staged; and it says which index it needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from google.cloud.firestore_v1.types import query as _query

from pubsubctl.store.firestore.values import Fields, encode

Structured = _query.StructuredQuery.pb()

_OPERATORS = {"==": "EQUAL", "in": "IN", "<": "LESS_THAN", "<=": "LESS_THAN_OR_EQUAL", ">": "GREATER_THAN"}
_OPERATORS[">="] = "GREATER_THAN_OR_EQUAL"

Condition = tuple[str, str, Any]
"""A field, an operator, and what it is compared with."""
Order = tuple[str, bool]
"""A field, and whether the largest comes first."""
Index = tuple[str, tuple[Order, ...]]
"""A collection, and the fields of a composite index of it."""


@dataclass(frozen=True)
class Query:
    """Documents of a collection.

    Attributes:
        collection: where they are.
        where: all of these hold.
        order: by which fields they are sorted.
        after: what the fields of ``order`` were of the document before the first.
        limit: the most of them.
        fields: those that are read; all where there are none.
    """

    collection: str
    where: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    after: tuple[Any, ...] = ()
    limit: int | None = None
    fields: tuple[str, ...] = ()

    def limited(self, limit: int) -> "Query":
        """The same, with another limit."""
        return replace(self, limit=limit)

    def matches(self, fields: Fields | None) -> bool:
        """Whether a document would be among the answers, but for the limit."""
        if fields is None or any(fields.get(name) is None for name, _ in self.order):
            return False
        return all(_holds(fields.get(name), operator, wanted) for name, operator, wanted in self.where) and (
            not self.after or self.sort_key(fields) > self._key(self.after)
        )

    def sort_key(self, fields: Fields) -> tuple[Any, ...]:
        """What sorts documents in this order."""
        return self._key([fields[name] for name, _ in self.order])

    def _key(self, values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(_Last(each) if last else each for each, (_, last) in zip(values, self.order, strict=True))

    def index(self) -> Index | None:
        """The composite index that it needs; None where one of a single field will do.

        Fields that are compared for equality come first, by name, then those of the order
        (https://cloud.google.com/firestore/docs/query-data/index-overview#composite_indexes). A range is an order, too.
        """
        equal = sorted({name for name, operator, _ in self.where if operator in {"==", "in"}})
        ranged = [name for name, operator, _ in self.where if operator not in {"==", "in"}]
        order = list(self.order) or [(name, False) for name in dict.fromkeys(ranged)]
        of = tuple([(name, False) for name in equal] + order)
        return (self.collection, of) if len(of) > 1 else None

    def structured(self) -> Any:
        """As Firestore is asked."""
        asked = Structured()
        asked.from_.add().collection_id = self.collection
        for name in self.fields:
            asked.select.fields.add().field_path = name
        if self.where:
            asked.where.composite_filter.op = 1  # AND
        for name, operator, wanted in self.where:
            condition = asked.where.composite_filter.filters.add().field_filter
            condition.field.field_path = name
            condition.op = condition.Operator.Value(_OPERATORS[operator])
            encode(wanted, condition.value)
        for name, last in self.order:
            order = asked.order_by.add()
            order.field.field_path = name
            order.direction = 2 if last else 1
        for value in self.after:
            encode(value, asked.start_at.values.add())
        if self.limit is not None:
            asked.limit.value = self.limit
        return asked


class _Last:
    """Sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Last") -> bool:
        return bool(other.value < self.value)

    def __gt__(self, other: "_Last") -> bool:
        return bool(other.value > self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Last) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)


def _holds(value: Any, operator: str, wanted: Any) -> bool:
    if value is None:
        return False
    if operator == "in":
        return value in wanted
    if operator == "==":
        return bool(value == wanted)
    if operator.startswith("<"):
        return bool(value < wanted or (operator == "<=" and value == wanted))
    return bool(value > wanted or (operator == ">=" and value == wanted))
