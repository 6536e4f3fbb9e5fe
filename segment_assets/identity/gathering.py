"""From readings and judgements to the columns of a digested batch.

Belongs here: merging by position, and hashing each normal form once. Not here: what anything means.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Reason
from segment_assets.identity.fast_reading import kernels, mask_of
from segment_assets.identity.hashing import DIGEST_BYTES, digest_array, sha256_matrix

if TYPE_CHECKING:
    from segment_assets.identity.fast_reading import Reading
    from segment_assets.identity.forms import NormalForm
    from segment_assets.identity.remainder import Answers

_REASONS = tuple(Reason)
_NUMBERS = {reason: number for number, reason in enumerate(_REASONS)}
_NONE = -1
# Hashing the few others for nothing costs less than to leave them out and put the digests back in their rows.
_NEARLY_ALL = 0.75


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Cells:
    """Under one form, per value: the Arrow value, its reason number (-1 for none), whether it was a digest (numpy)."""

    values: Any
    reasons: Any
    already_hashed: Any


@dataclasses.dataclass(slots=True, repr=False)
class Column:
    """One column under the forms that one reading covers, per value: what was decided, empty, and answered."""

    reading: Reading
    decided: Any
    empty: Any
    answers: Answers
    _hashed: dict[int, Any] = dataclasses.field(default_factory=dict)

    def cells(self, form: NormalForm, number: int) -> Cells:
        """The cells of a form, whose place among the judgements is `number`."""
        import numpy as np

        judgements = [judgement[number] for judgement in self.answers.judgements]
        reasons = np.full(len(self.decided), _NONE, np.int8)
        reasons[self.empty] = _NUMBERS[Reason.EMPTY]
        if self.reading.refused is not None:
            reasons[self.reading.refused.mask] = _NUMBERS[self.reading.refused.reason]
        codes = np.array([_NONE if reason is None else _NUMBERS[reason] for _, reason, _ in judgements], np.int8)
        reasons[self.answers.places] = codes[self.answers.which]
        already = np.zeros(len(self.decided), bool)
        already[self.answers.places] = np.array([taken for _, _, taken in judgements], bool)[self.answers.which]
        values = [value for value, _, _ in judgements]
        content = self._digests if form.hashed else self._texts
        return Cells(content(form, values, reasons == _NONE), reasons, already)

    def _digests(self, form: NormalForm, values: list[Any], valid: Any) -> Any:
        import numpy as np

        matrix = self._matrix(form.name)
        if len(self.answers.places):
            own = [value if isinstance(value, bytes) else bytes(DIGEST_BYTES) for value in values]
            content = np.frombuffer(b"".join(own), np.uint8).reshape(-1, DIGEST_BYTES)
            matrix = matrix.copy()
            matrix[self.answers.places] = content[self.answers.which]
        return digest_array(matrix, valid)

    def _matrix(self, name: str) -> Any:
        """Digests of the decided values. Forms of the same normals share one matrix, which is not to be written to."""
        import numpy as np

        refined = self.reading.refined.get(name)
        if refined is not None:
            matrix = self._matrix(refined.base).copy()
            matrix[refined.places] = sha256_matrix(refined.normals)
            return matrix
        normals = self.reading.normals.get(name)
        if id(normals) not in self._hashed:
            if normals is not None and self.decided.mean() > _NEARLY_ALL:
                matrix = sha256_matrix(normals)
            else:
                matrix = np.zeros((len(self.decided), DIGEST_BYTES), np.uint8)
                if normals is not None:
                    matrix[self.decided] = sha256_matrix(normals.filter(self.reading.decided))
            self._hashed[id(normals)] = matrix
        return self._hashed[id(normals)]

    def _texts(self, form: NormalForm, values: list[Any], valid: Any) -> Any:
        import pyarrow as pa

        pc = kernels()
        normals = self.reading.normals.get(form.name)
        texts = pa.nulls(len(self.decided), pa.string()) if normals is None else normals
        if len(self.answers.places):
            answered = mask_of(len(self.decided), self.answers.places)
            own = pa.array(values, pa.string()).take(pa.array(self.answers.which))
            texts = pc.replace_with_mask(texts, answered, own)
        return pc.if_else(pa.array(valid), texts, pa.scalar(None, pa.string()))


def reason_codes(numbers: Any) -> Any:
    """Reason numbers (numpy) as a dictionary array of reason codes."""
    import pyarrow as pa

    indices = pa.array(numbers, mask=numbers == _NONE)
    return pa.DictionaryArray.from_arrays(indices, _codes())


@functools.cache
def _codes() -> Any:
    import pyarrow as pa

    return pa.array([reason.value for reason in _REASONS])


def nothing_but(reason: Reason, rows: int) -> Any:
    """A column of one reason."""
    import numpy as np

    return reason_codes(np.full(rows, _NUMBERS[reason], np.int8))
