"""What a database has to offer that keeps records: how a write begins, how words leave it, what it says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import ColumnElement, Connection, Engine, Row, Select


class Dialect(Protocol):
    """One kind of database; whatever all kinds say alike is written once, in the files beside this folder."""

    def writing(self, engine: Engine) -> AbstractContextManager[Connection]:
        """One transaction that sees all that was committed before, while nobody else writes."""

    def reading(self, engine: Engine) -> AbstractContextManager[Connection]:
        """One transaction that sees one state of the store."""

    def compact(self, engine: Engine) -> None:
        """Leave no byte of what was deleted in the files of the tables."""

    def newest_of(self, asked: Select[Any], alike: ColumnElement[Any], order: ColumnElement[Any]) -> Select[Any]:
        """Of the rows that are alike, the one with the greatest order."""

    def text_before(self, column: ColumnElement[str], sign: str) -> ColumnElement[str]:
        """The text before the first of a sign, which must stand in it."""

    def levels(
        self, connection: Connection, body: ColumnElement[Any], asked: Select[Any], names: Sequence[str]
    ) -> Sequence[tuple[Row[Any], tuple[Any, ...]]]:
        """Each row that is asked for, with what the consent in its body says under these names; None for nothing."""
