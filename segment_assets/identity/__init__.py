"""Identity: a raw identifier becomes its normal form and a digest, or a reason why not. Never both, never neither.

Belongs here: the rules of the platforms on one field, what counts as already hashed, keyed pseudonyms.
Not here: who is the same person, consent and suppression (`audience`); what a platform calls the field
(`destinations`). Pure: no storage, no network, no Dagster.

The door is what this module exports; everything below it may change.
"""

from segment_assets.contracts import ColumnState, MatchKey, Reason
from segment_assets.identity.batch import DigestedBatch, Digester, digest_batch
from segment_assets.identity.digests import Cell, digest
from segment_assets.identity.forms import NORMAL_FORMS, NormalForm
from segment_assets.identity.parquet import FileCounts, digest_parquet
from segment_assets.identity.pseudonyms import pseudonym

__all__ = [
    "NORMAL_FORMS",
    "Cell",
    "ColumnState",
    "DigestedBatch",
    "Digester",
    "FileCounts",
    "MatchKey",
    "NormalForm",
    "Reason",
    "digest",
    "digest_batch",
    "digest_parquet",
    "pseudonym",
]
