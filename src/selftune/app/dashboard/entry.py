"""One line of the navigation: a page, where it lies, and what answers there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A page of the dashboard.

    Attributes:
        name: What the page is called in code; its module has this name.
        path: Where it lies; what belongs to it lies below.
        title: What the navigation calls it.
        group: What it stands under there.
    """

    name: str
    path: str
    title: str
    group: str
    router: APIRouter
