"""The doors of an audience, in order: suppressed, no consent, held out; whoever passes all is eligible.

Belongs here: who stops where. Not here: how people are merged or clusters found.

Input: view `merged` (building), table `clusters` (clusters). Output: table `decided` (member, cluster_id where the
member shares or shared an identifier, eligibility, and the columns of CONSENT_COLUMNS in the words of `Consent`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.audience import staging
from segment_assets.audience.clusters import name_clusters
from segment_assets.audience.consent import DENIED, GRANTED, NOT_UNDERSTOOD, UNKNOWN, Regime
from segment_assets.contracts import CONSENT_COLUMNS, Consent, Eligibility, PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import StrEnum

    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.audience.consent import AudiencePolicy, HoldOut

_DRAW_ROWS = 50_000
# What a member is looked for by -> the kinds of suppressions to look among.
_KINDS = {
    "member_id": ("member",),
    **dict.fromkeys(staging.E_MAIL_FORMS, staging.E_MAIL_FORMS),
    **dict.fromkeys(staging.PHONE_FORMS, staging.PHONE_FORMS),
    # Plain in the audience because platforms take it plain; a list of people who said no holds nothing plain.
    "unhex(sha256(mobile_ad_id))": ("mobile_ad_id",),
}


# A mailbox is one person's: a no on one record holds for every record with that e-mail, or the platform would find
# the person through the other. A shared phone is a family's, so there each record speaks for itself.
def _strict_by_email(strictest: Mapping[str, int], statement: int, *columns: str) -> str:
    """Whether any record with the member's mailbox has a statement at least so strict, in one of the columns.

    `strictest` is what anybody said in each column: what nobody said is not looked for.
    """
    said = [column for column in columns if strictest[column] >= statement]
    if not said:
        return "false"
    strict = " OR ".join(f"{column} >= {statement}" for column in said)
    return " OR ".join(
        f"coalesce(m.{form} IN (SELECT {form} FROM merged WHERE {form} IS NOT NULL AND ({strict})), false)"
        for form in staging.E_MAIL_FORMS
    )


def _strictest(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Column of consent -> the strictest statement of anybody in it."""
    largest = ", ".join(f"coalesce(max({column}), {UNKNOWN})" for column in CONSENT_COLUMNS)
    [found] = connection.execute(f"SELECT {largest} FROM merged").fetchall()
    return dict(zip(CONSENT_COLUMNS, found, strict=True))


def load_suppressions(connection: duckdb.DuckDBPyConnection, suppressions: pads.Dataset) -> set[str]:
    """Create the table `suppressed` (kind, digest); return its kinds.

    Raises PermanentError for a kind that nothing would match.
    """
    connection.register("suppressions", suppressions)
    connection.execute("CREATE TEMP TABLE suppressed AS SELECT DISTINCT kind, digest FROM suppressions")
    connection.unregister("suppressions")
    kinds = {str(row[0]) for row in connection.execute("SELECT DISTINCT kind FROM suppressed").fetchall()}
    unknown = kinds.difference(*_KINDS.values())
    if unknown:
        raise PermanentError(
            f"suppressions hold kinds that audiences do not know ({', '.join(sorted(unknown))}); "
            "rebuild the suppressions with this version"
        )
    return kinds


def decide(
    connection: duckdb.DuckDBPyConnection,
    policy: AudiencePolicy,
    key: bytes,
    suppressed: set[str],
    before: pads.Dataset | None = None,
) -> None:
    """Create the table `decided` for every member. `suppressed` are the kinds that anybody is suppressed by.

    `before`: the audience as it was, from which clusters keep their names, and so what was drawn for them.
    """
    # A column that is looked for among nothing costs as much as any other join.
    strictest = _strictest(connection)
    name_clusters(connection, before)
    connection.execute(
        f"""
        CREATE TEMP TABLE decided AS
        SELECT m.member, named.cluster_id,
               CASE WHEN {_suppressed_sql(suppressed)} THEN '{Eligibility.SUPPRESSED}'
                    WHEN NOT ({_consent_sql(policy)}) OR {_strict_by_email(strictest, NOT_UNDERSTOOD, *CONSENT_COLUMNS)}
                    THEN '{Eligibility.NO_CONSENT}'
                    ELSE '{Eligibility.ELIGIBLE}' END::{_type_of(Eligibility)} AS eligibility,
               {_signal_counts(policy)} AS denied_by_signal,
               {", ".join(_said_sql(strictest, column) for column in CONSENT_COLUMNS)}
        FROM merged m
        LEFT JOIN named USING (member)
        """
    )
    for experiment in policy.experiments:
        _hold_out(connection, experiment, key)


def _said_sql(strictest: Mapping[str, int], column: str) -> str:
    return f"CASE WHEN {_strict_by_email(strictest, DENIED, column)} THEN {DENIED} ELSE m.{column} END AS said_{column}"


def _type_of(words: type[StrEnum]) -> str:
    return f"ENUM({', '.join(repr(word.value) for word in words)})"


def _signal_counts(policy: AudiencePolicy) -> str:
    """Where Global Privacy Control counts as a no: everywhere but in countries that ask for a yes.

    It is a general opt-out of US law (CCPA regulations, section 7025). A yes to these very purposes is the more
    specific word where the law is about consent.
    """
    return f"(gpc_opt_out AND NOT coalesce(consent_country IN ({_countries(policy)}), false))"


def consent_sql(column: str) -> str:
    """A column of `decided`, in the words of `Consent`: for people who may be sent, and a no wherever one was said."""
    sent = f"'{Eligibility.ELIGIBLE}', '{Eligibility.HELD_OUT}'"
    return f"""CASE WHEN d.eligibility = '{Eligibility.NO_CONSENT}'
                     THEN CASE WHEN d.said_{column} = {DENIED} OR d.denied_by_signal THEN '{Consent.DENIED}' END
                     WHEN d.eligibility IN ({sent})
                     THEN CASE WHEN d.said_{column} = {GRANTED} THEN '{Consent.GRANTED}'
                               ELSE '{Consent.UNSPECIFIED}' END
                END AS {column}"""


def _suppressed_sql(suppressed: set[str]) -> str:
    looked_for = [
        f"coalesce({value} IN (SELECT digest FROM suppressed WHERE kind IN ({_quoted(kinds)})), false)"
        for value, kinds in _KINDS.items()
        if not suppressed.isdisjoint(kinds)
    ]
    return " OR ".join(looked_for) or "false"


def _quoted(kinds: Sequence[str]) -> str:
    return ", ".join(f"'{kind}'" for kind in kinds)


def _consent_sql(policy: AudiencePolicy) -> str:
    """True where the member may be sent: a yes to both purposes, or no "no", as the country asks."""
    signal = _signal_counts(policy)
    lowest = UNKNOWN if policy.consent_asserted else GRANTED
    said_yes = " AND ".join(f"{name} BETWEEN {lowest} AND {GRANTED}" for name in CONSENT_COLUMNS)
    said_no = " OR ".join(f"{name} >= {NOT_UNDERSTOOD}" for name in CONSENT_COLUMNS)
    rules = {Regime.OPT_IN: f"({said_yes})", Regime.OPT_OUT: f"(NOT ({said_no}))"}
    return f"""NOT {signal} AND
               CASE WHEN consent_country IS NULL THEN {rules[policy.regime_of_unknown_country]}
                    WHEN consent_country IN ({_countries(policy)}) THEN {rules[Regime.OPT_IN]}
                    ELSE {rules[policy.regime_elsewhere]} END"""


def _countries(policy: AudiencePolicy) -> str:
    return ", ".join(f"'{_code(code)}'" for code in sorted(policy.opt_in_countries)) or "''"


def _code(country: str) -> str:
    if len(country) != 2 or not country.isascii() or not country.islower():  # noqa: PLR2004
        raise PermanentError("opt_in_countries holds something that is no alpha-2 code in lower case; correct the plan")
    return country


def _hold_out(connection: duckdb.DuckDBPyConnection, experiment: HoldOut, key: bytes) -> None:
    """Move the eligible members of the drawn clusters to `held_out`."""
    import pyarrow as pa

    cluster = "coalesce(d.cluster_id, m.member_id)"
    eligible = f"d.eligibility = '{Eligibility.ELIGIBLE}'"
    reader = connection.sql(
        f"SELECT DISTINCT {cluster} AS cluster FROM decided d JOIN merged m USING (member) WHERE {eligible}"
    ).to_arrow_reader(_DRAW_ROWS)
    drawn = [_drawn(batch.column("cluster"), experiment, key) for batch in reader]
    connection.register("drawn", pa.table({"cluster": pa.chunked_array(drawn, pa.binary())}))
    connection.execute(
        f"""
        UPDATE decided d SET eligibility = '{Eligibility.HELD_OUT}' FROM merged m
        WHERE m.member = d.member AND {eligible} AND {cluster} IN (SELECT cluster FROM drawn)
        """
    )
    connection.unregister("drawn")


def _drawn(clusters: pa.Array[Any], experiment: HoldOut, key: bytes) -> pa.Array[Any]:
    """The clusters whose keyed hash falls into the share; each draw depends on nothing but cluster, salt and key."""
    import pyarrow as pa

    from segment_assets.identity import pseudonym

    # 64 bits of the hash as a fraction of one.
    limit = int(experiment.share * 2**64)
    ids: list[Any] = clusters.to_pylist()
    chosen = [
        int.from_bytes(pseudonym(key, "holdout", experiment.salt, cluster.hex())[:8], "big") < limit for cluster in ids
    ]
    return clusters.filter(pa.array(chosen, pa.bool_()))
