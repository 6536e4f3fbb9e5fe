"""Who shares an identifier with whom: connected components over e-mail, phone and advertising id, in SQL.

In every normal form of them: people whom one platform takes for one must not be drawn apart.

Belongs here: from merged people to their cluster, and what it is called. Not here: what a cluster is used for.

Input view `merged`: member (bigint, in the order of member_id) and the columns of KINDS.
Output table `clusters`: member, cluster (the smallest member of the component); only members in clusters of two
or more are in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.audience import staging
from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as pads

KINDS = staging.STRONG_FORMS
# Labels halve their distance to the root in each round, so that 2**60 members would be settled by then.
_MAX_ROUNDS = 200


def find_clusters(connection: duckdb.DuckDBPyConnection) -> int:
    """Create the table `clusters` from the view `merged`; return how many clusters of two or more there are.

    An identifier that one member alone holds connects nobody and is left out at once, so the work depends on what
    is shared and not on the size of the audience.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE edges (identifier BIGINT, member BIGINT)")
    for kind in KINDS:
        _add_edges(connection, kind)
    connection.execute("CREATE OR REPLACE TEMP TABLE clusters AS SELECT DISTINCT member, member AS cluster FROM edges")
    for _ in range(_MAX_ROUNDS):
        if not _propagate(connection):
            return engine.number(connection, "SELECT count(DISTINCT cluster) FROM clusters")
    raise PermanentError(
        f"clusters did not settle within {_MAX_ROUNDS} rounds; report this as a defect with the segment's name"
    )


def name_clusters(connection: duckdb.DuckDBPyConnection, before: pads.Dataset | None) -> None:
    """Create the table `named` (member, cluster_id) of everybody who shares an identifier, or did before.

    A cluster is called by its smallest member's pseudonym, and keeps that name whoever comes or goes: without it half
    of a household changed the arm of an experiment when the other half left the segment. Where clusters grow together,
    the name of the smallest member who was there before holds. `before`: rows of HASHED_AUDIENCE as they were.
    """
    connection.execute("CREATE TEMP TABLE earlier (member_id BLOB, cluster_id BLOB)")
    if before is not None:
        connection.register("people_before", before)
        connection.execute(
            """
            INSERT INTO earlier
            SELECT member_id, cluster_id FROM people_before
            WHERE cluster_id <> member_id
               OR member_id IN (SELECT member_id FROM merged WHERE member IN (SELECT member FROM clusters))
            """
        )
        connection.unregister("people_before")
    connection.execute(
        """
        CREATE TEMP TABLE named AS
        WITH mine AS (
            SELECT m.member, m.member_id, c.cluster, e.cluster_id AS was
            FROM merged m LEFT JOIN clusters c USING (member) LEFT JOIN earlier e USING (member_id)
            WHERE c.cluster IS NOT NULL OR e.cluster_id IS NOT NULL
        )
        SELECT member,
               CASE WHEN cluster IS NULL THEN was
                    ELSE coalesce(arg_min(was, member) OVER same, arg_min(member_id, member) OVER same)
                    END AS cluster_id
        FROM mine WINDOW same AS (PARTITION BY cluster)
        """
    )


def _add_edges(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    # Two steps keep memory small: eight bytes of hash per member find the few candidates, whole values decide.
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE crowded AS
        SELECT hash({kind}) AS bin FROM merged WHERE {kind} IS NOT NULL GROUP BY ALL HAVING count(*) > 1
        """
    )
    if not engine.number(connection, "SELECT count(*) FROM crowded"):
        return
    connection.execute(
        f"""
        INSERT INTO edges
        WITH candidates AS (
            SELECT {kind} AS value, member FROM merged
            WHERE {kind} IS NOT NULL AND hash({kind}) IN (SELECT bin FROM crowded)
        ), shared AS (
            SELECT value, min(member) AS first FROM candidates GROUP BY value HAVING count(*) > 1
        ), numbered AS (
            SELECT value, row_number() OVER () + (SELECT coalesce(max(identifier), 0) FROM edges) AS identifier
            FROM shared
        )
        SELECT identifier, member FROM candidates JOIN numbered USING (value)
        """
    )


def _propagate(connection: duckdb.DuckDBPyConnection) -> int:
    """One round: every member takes the smallest label it can see; return how many labels changed.

    Besides its own neighbours, a member looks at its label's label, and hands what it sees to its label
    ("hooking and shortcutting"): a chain of n members settles in about log n rounds instead of n.
    """
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE next AS
        WITH far AS (
            SELECT c.member, c.cluster, root.cluster AS beyond
            FROM clusters c JOIN clusters root ON root.member = c.cluster
        ), low AS (
            SELECT identifier, min(beyond) AS label FROM edges JOIN far USING (member) GROUP BY identifier
        ), seen AS (
            SELECT member, min(label) AS label FROM edges JOIN low USING (identifier) GROUP BY member
        ), handed AS (
            SELECT far.cluster AS member, min(seen.label) AS label
            FROM far JOIN seen USING (member) GROUP BY far.cluster
        )
        SELECT far.member, least(far.cluster, far.beyond, seen.label, handed.label) AS cluster
        FROM far JOIN seen USING (member) LEFT JOIN handed USING (member)
        """
    )
    changed = engine.number(
        connection, "SELECT count(*) FROM next JOIN clusters USING (member) WHERE next.cluster <> clusters.cluster"
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE clusters AS FROM next")
    return changed
