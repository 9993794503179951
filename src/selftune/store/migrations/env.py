"""What Alembic runs: the steps that are due, on the connection it was handed, in that connection's transaction."""

from alembic import context

from selftune.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
