"""What was said, from the windows of log series: templates with exact counts of their lines."""

from datetime import datetime

import polars as pl
import sqlalchemy as sa

from vigil.logs.series import LINES
from vigil.stores.database import read_frame

TEMPLATE_COUNTS = {
    "tenant": pl.String,
    "environment": pl.String,
    "service": pl.String,
    "template": pl.String,
    "lines": pl.Int64,
    "first_at": pl.Datetime("us", "UTC"),
    "last_at": pl.Datetime("us", "UTC"),
}

# Windows are revised in place, so their sum is exact. A silent window says nothing of when.
_QUERY = """
SELECT k.tenant, k.environment, k.service, k.route AS template,
       sum(w.value_sum)::bigint AS lines,
       min(w.window_start) AS first_at, max(w.window_start) AS last_at
FROM metric_windows w JOIN series s USING (series_id) JOIN keys k USING (key_id)
WHERE s.metric = %s AND w.window_start >= %s AND w.window_start < %s AND w.value_sum > 0
  AND (%s::text IS NULL OR k.service = %s) AND strpos(lower(k.route), lower(%s)) > 0
GROUP BY k.tenant, k.environment, k.cloud, k.region, k.service, k.route
ORDER BY lines DESC, k.service, k.route
LIMIT %s
"""


def template_counts(
    engine: sa.Engine,
    start_at: datetime,
    end_at: datetime,
    service: str | None = None,
    containing: str = "",
    limit: int = 100,
) -> pl.DataFrame:
    """Templates with lines in [start_at, end_at), the most frequent first.

    Schema TEMPLATE_COUNTS; `first_at` and `last_at` are starts of windows. Rare templates are
    together under `__other__`. `containing`: text of the template, whatever its case.
    """
    values = [LINES, start_at, end_at, service, service, containing, limit]
    with engine.connect() as connection:
        return read_frame(connection, _QUERY, values, TEMPLATE_COUNTS)
