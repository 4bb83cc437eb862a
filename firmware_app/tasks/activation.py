"""Whether a model ends in its softmax or sigmoid, which then must not be taken a second time."""

from firmware_app.base.errors import TaskError
from firmware_app.board import arrays

# Probabilities of a quantised model sum to 1 only nearly.
_SUM_TOLERANCE = 0.01
_TOLERANCE = 0.001
_LOWEST = -_TOLERANCE
_HIGHEST = 1 + _TOLERANCE
_FEW = 3  # labels: so many logits rarely lie within 0…1 all at once


class Activation:
    """What the outputs of one model are: said by the setting model_output, or found out.

    exclusive: the scores sum to 1, as softmax makes them. Values that no probabilities can be settle
    it for good; until then each frame's are taken for what they look like. Fewer than three sigmoids
    are always logits, because a frame can't tell.
    """

    def __init__(self, exclusive: bool) -> None:
        self._exclusive = exclusive
        self._logits = False

    def probabilities(self, outputs, said: "str | None") -> bool:
        """Return whether a 1-D float array holds probabilities. said: model_output's value."""
        if said is not None:
            return said == "probabilities"
        if self._logits:
            return False
        smallest, largest = arrays.bounds(outputs)
        if (
            (len(outputs) < _FEW and not self._exclusive)
            or smallest < -_TOLERANCE
            or largest > 1 + _TOLERANCE
            or (self._exclusive and abs(arrays.total(outputs) - 1) > _SUM_TOLERANCE)
        ):
            self._logits = True
        return not self._logits


def score16(score: float) -> int:
    """Return a score 0…1 in 65,535ths; TaskError where it is no such number."""
    if not _LOWEST <= score <= _HIGHEST:  # NaN too
        raise TaskError("model output: expected scores 0 to 1, found %g" % score)
    if score >= 1:
        return 65535
    return int(score * 65535 + 0.5) if score > 0 else 0
