"""Sessions of training programmes: what is counted and averaged over thousands of them stands in columns."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table; nothing was archived before."""
    op.create_table(
        "sessions",
        sa.Column("sequence", sa.Integer, sa.ForeignKey("records.sequence"), primary_key=True, autoincrement=False),
        sa.Column("programme", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("happened_at", sa.String),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("scores", sa.Text, nullable=False),
        sa.Column("reward", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("words", sa.Integer),
        sa.Column("distinct_pairs", sa.Float),
        sa.Column("repeated", sa.Float),
        sa.Column("opening", sa.Integer),
        sa.Column("ending", sa.Integer),
        sa.Column("stock", sa.Integer),
    )
    op.create_index("sessions_by_number", "sessions", ["programme", "number"], unique=True)
