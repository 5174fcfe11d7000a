"""What speaks for or against an assignment: disputes answered, receivers who said it is not theirs, owners named elsewhere, opportunities."""

from __future__ import annotations

from typing import Final

#: The leg that stood at a moment.
_LEG: Final = """CROSS JOIN LATERAL (
            SELECT leg, owner_id FROM assignment WHERE handoff_id = {handoff} AND owner_id IS NOT NULL AND at <= {at}
            ORDER BY leg DESC LIMIT 1) AS l"""

#: One row a leg that had an owner, in the columns of `measure.facts.ASSIGNMENTS`, as known at `as_of`; assigned at or after `since`.
ASSIGNMENTS: Final = f"""
    WITH seen AS (
        SELECT d.handoff_id, d.leg, d.decided_at AS at, d.state = 'upheld' AS wrong, 'dispute' AS how FROM dispute AS d
        WHERE d.about = 'owner' AND d.state IN ('upheld', 'rejected') AND d.decided_at <= %(as_of)s
        UNION ALL
        SELECT d.handoff_id, l.leg, d.at, true, 'not_mine' FROM disposition AS d {_LEG.format(handoff="d.handoff_id", at="d.at")}
        WHERE d.passed_on AND d.at <= %(as_of)s AND d.recorded_at <= %(as_of)s
        UNION ALL
        SELECT c.overrides, l.leg, c.at, true, 'owner_change' FROM owner_change AS c {_LEG.format(handoff="c.overrides", at="c.at")}
        WHERE c.overrides IS NOT NULL AND c.minutes <= 1440 AND c.at <= %(as_of)s
        UNION ALL
        SELECT o.handoff_id, l.leg, o.opened_at, o.owner_id <> l.owner_id, 'opportunity'
        FROM (SELECT DISTINCT ON (handoff_id) handoff_id, owner_id, opened_at FROM opportunity
              WHERE handoff_id IS NOT NULL AND owner_id IS NOT NULL AND opened_at <= %(as_of)s AND recorded_at <= %(as_of)s
              ORDER BY handoff_id, opened_at, id) AS o {_LEG.format(handoff="o.handoff_id", at="o.opened_at")}
    ), judged AS (
        SELECT handoff_id, leg, min(at) AS at, min(at) FILTER (WHERE wrong) AS wrong_at, (array_agg(how ORDER BY wrong DESC, at))[1] AS how
        FROM seen GROUP BY handoff_id, leg
    )
    SELECT a.handoff_id, a.leg, a.rule, a.pool, a.at, j.at, j.wrong_at, j.how
    FROM assignment AS a JOIN handoff AS h ON h.id = a.handoff_id LEFT JOIN judged AS j ON j.handoff_id = a.handoff_id AND j.leg = a.leg
    WHERE a.owner_id IS NOT NULL AND a.at <= %(as_of)s AND a.at >= %(since)s AND h.decided_at <= %(as_of)s
"""

__all__ = ["ASSIGNMENTS"]
