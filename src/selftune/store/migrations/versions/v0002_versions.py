"""Say which interaction is a later version of which."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; records of before have no versions."""
    op.create_table(
        "versions",
        sa.Column("record_id", sa.String, sa.ForeignKey("records.id"), primary_key=True),
        sa.Column("supersedes", sa.String, sa.ForeignKey("records.id"), nullable=False),
    )
