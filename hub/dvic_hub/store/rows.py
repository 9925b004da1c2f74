"""Frozen dataclasses to rows of tables of the same columns, and back.

A table is described once (`Table`); column names are checked against the dataclass, so that no name from outside ever
stands in SQL. Values that SQLite has no type for are written by a pair of functions a column.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

import apsw

R = TypeVar("R")


@dataclass(frozen=True)
class Form:
    """How a column's value is written and read."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


JSON = Form(lambda value: json.dumps(value, separators=(",", ":")), json.loads)
BOOL = Form(int, bool)
BIG = Form(str, int)
"""Whole numbers beyond SQLite's 64 bits with sign."""


@dataclass(frozen=True)
class Table(Generic[R]):
    """`row` is the dataclass; its fields are the columns, `forms` of those that need it."""

    name: str
    row: type[R]
    forms: dict[str, Form] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        return [column.name for column in fields(self.row)]

    def insert(self, connection: apsw.Connection, rows: Iterable[R]) -> None:
        """Raises apsw.ConstraintError when one is there already."""
        places = ", ".join("?" * len(self.columns))
        # S608, here and below: names of tables and columns stand in the code; every value is bound
        connection.executemany(f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({places})",  # noqa: S608
                               [[self._write(name, getattr(row, name)) for name in self.columns] for row in rows])

    def select(self, connection: apsw.Connection, rest: str = "", values: Iterable[object] = ()) -> list[R]:
        """The rows; `rest` is SQL behind FROM, from the code and never from outside."""
        found = connection.execute(f"SELECT {', '.join(self.columns)} FROM {self.name} {rest}", tuple(values))  # noqa: S608
        return [self.row(**{name: self.forms[name].read(value) if name in self.forms else value
                            for name, value in zip(self.columns, row, strict=True)}) for row in found]

    def update(self, connection: apsw.Connection, changes: dict[str, object], where: str,
               values: Iterable[object]) -> int:
        """How many rows were changed. Raises ValueError for a name that is no column."""
        unknown = set(changes) - set(self.columns)
        if unknown:
            raise ValueError(f"{self.name} has no column {min(unknown)}")
        if not changes:
            return len(connection.execute(f"SELECT 1 FROM {self.name} WHERE {where}", tuple(values)).fetchall())  # noqa: S608
        sets = ", ".join(f"{name} = ?" for name in changes)
        written = [self._write(name, value) for name, value in changes.items()]
        connection.execute(f"UPDATE {self.name} SET {sets} WHERE {where}", (*written, *values))  # noqa: S608
        return connection.changes()

    def delete(self, connection: apsw.Connection, where: str, values: Iterable[object]) -> int:
        """How many rows there were."""
        connection.execute(f"DELETE FROM {self.name} WHERE {where}", tuple(values))  # noqa: S608
        return connection.changes()

    def _write(self, name: str, value: object) -> object:
        return self.forms[name].write(value) if name in self.forms else value
