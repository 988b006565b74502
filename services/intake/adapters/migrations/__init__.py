"""The schema `intake`, by alembic."""
