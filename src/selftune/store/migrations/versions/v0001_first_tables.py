"""Make the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table of the first release."""
    _make_records()
    _make_ledger()
    _make_steps()
    op.create_table(
        "leases",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("host", sa.String),
        sa.Column("pid", sa.Integer),
        sa.Column("process_started", sa.Float),
        sa.Column("since", sa.String),
        sa.Column("expires_at", sa.Float),
    )
    op.create_table(
        "named_values",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _make_records() -> None:
    op.create_table(
        "records",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("sealed", sa.Text),
        sa.Column("saved_at", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("records_by_kind", "records", ["kind", "sequence"])
    op.create_table(
        "sources",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("record_id", sa.String, sa.ForeignKey("records.id")),
    )


def _make_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("kind", sa.String),
        sa.Column("record_id", sa.String, sa.ForeignKey("records.id")),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
    op.create_index("ledger_by_record", "ledger", ["record_id"])
    op.create_table(
        "ledger_tree",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("last_hash", sa.String, nullable=False),
        sa.Column("peaks", sa.Text, nullable=False),
    )


def _make_steps() -> None:
    op.create_table(
        "steps",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("many", sa.Boolean, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("error", sa.Text),
        sa.Column("changed_at", sa.String, nullable=False),
    )
    op.create_table(
        "step_outputs",
        sa.Column("step", sa.String, sa.ForeignKey("steps.key"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("record_id", sa.String, sa.ForeignKey("records.id"), nullable=False),
    )
    op.create_table(
        "work",
        sa.Column("step", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
