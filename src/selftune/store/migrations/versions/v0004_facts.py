"""Copy what interactions and judgements say into columns, so that counting and choosing reads no record."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_INTERACTIONS = """
INSERT INTO interactions
SELECT r.sequence, number_of(json_extract(r.body, '$.conversation')), json_extract(r.body, '$.source'),
       coalesce(json_extract(r.body, '$.consent.train'), 1), json_extract(r.body, '$.happened_at'),
       CASE WHEN json_extract(r.body, '$.closed') THEN NULL ELSE json_extract(r.body, '$.last_turn_at') END,
       (SELECT max(later.sequence) FROM versions v JOIN records later ON later.id = v.record_id
        WHERE v.supersedes = r.id)
FROM records r WHERE r.kind = 'interaction' AND r.body IS NOT NULL
"""

_JUDGEMENTS = """
SELECT r.sequence, said.sequence AS interaction,
       json_object('lineage', json(coalesce(json_extract(r.body, '$.judge.lineage'), '[]')),
                   'name', json_extract(r.body, '$.judge.name'),
                   'version', json_extract(r.body, '$.judge.version')) AS judge,
       json_extract(r.body, '$.rubric_digest') AS rubric_digest,
       coalesce(json_extract(r.body, '$.prompt_digest'), '') AS prompt_digest,
       coalesce(json_extract(r.body, '$.reported_model'), '') AS model,
       json_extract(r.body, '$.status') AS status, json_extract(r.body, '$.overall') AS overall,
       coalesce(json_array_length(r.body, '$.critical_failures'), 0) > 0 AS critical,
       coalesce((SELECT group_concat(value, char(10)) FROM json_each(r.body, '$.flags')), '') AS flags,
       coalesce(json_extract(r.body, '$.cost_usd'), 0) AS cost_usd
FROM records r LEFT JOIN records said ON said.id = json_extract(r.body, '$.interaction_id')
WHERE r.kind = 'judgement' AND r.body IS NOT NULL
"""

_SITTINGS = """
INSERT INTO sittings (judge, rubric_digest, prompt_digest, model)
SELECT judge, rubric_digest, prompt_digest, model FROM told GROUP BY 1, 2, 3, 4 ORDER BY min(sequence)
"""

_VERDICTS = """
INSERT INTO judgements
SELECT t.sequence, t.interaction, s.id, t.status, t.overall, t.critical, t.flags, t.cost_usd
FROM told t JOIN sittings s
ON (s.judge, s.rubric_digest, s.prompt_digest, s.model) = (t.judge, t.rubric_digest, t.prompt_digest, t.model)
"""

_FILL = (_INTERACTIONS, f"CREATE TEMP TABLE told AS {_JUDGEMENTS}", _SITTINGS, _VERDICTS, "DROP TABLE told")


def upgrade() -> None:
    """Make the tables and fill them from the records; `named_values`, which nothing used, goes."""
    op.create_table(
        "interactions",
        sa.Column("sequence", sa.Integer, sa.ForeignKey("records.sequence"), primary_key=True, autoincrement=False),
        sa.Column("conversation", sa.Integer, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("may_train", sa.Boolean, nullable=False),
        sa.Column("happened_at", sa.String),
        sa.Column("last_turn_at", sa.String),
        sa.Column("superseded_by", sa.Integer),
    )
    op.create_table(
        "sittings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("judge", sa.Text, nullable=False),
        sa.Column("rubric_digest", sa.String, nullable=False),
        sa.Column("prompt_digest", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
    )
    op.create_table(
        "judgements",
        sa.Column("sequence", sa.Integer, sa.ForeignKey("records.sequence"), primary_key=True, autoincrement=False),
        sa.Column("interaction", sa.Integer),
        sa.Column("sitting", sa.Integer, sa.ForeignKey("sittings.id"), nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("overall", sa.Float),
        sa.Column("critical", sa.Boolean, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("cost_usd", sa.Float, nullable=False),
    )
    op.drop_table("named_values")
    _fill()
    op.create_index("judgements_by_interaction", "judgements", ["interaction", "sitting"])


def _fill() -> None:
    bind = op.get_bind()
    raw = bind.connection.driver_connection
    assert raw is not None, "a connection that is open has its driver's"  # noqa: S101 - can't happen
    raw.create_function("number_of", 1, _number_of, deterministic=True)
    for statement in _FILL:
        bind.exec_driver_sql(statement)


def _number_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> 1
