"""Find the later version of an interaction without reading all versions."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    op.create_index("versions_by_superseded", "versions", ["supersedes"])
