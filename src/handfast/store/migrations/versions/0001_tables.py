"""The first tables, exactly as `0001_tables.sql` beside this file says."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    # Through the driver itself: SQLAlchemy would read a colon in a comment as a parameter.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
