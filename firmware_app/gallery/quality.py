"""What is worth saying about samples: which disagree, which look like another label's; and thresholds.

Cosines are floats.
"""

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.gallery.decision import Rule
    from firmware_app.gallery.labels import Gallery
    from firmware_app.gallery.samples import Samples

DUPLICATE = 0.98  # cosine from which two samples count as the same picture
MAX_SAMPLES = 500  # that suggest looks at, spread over all


def _two(value: float) -> str:
    return "%.2f" % value


def _others(
    ops, gallery: "Gallery", vector, number: int, leave_out: int = -1
) -> "tuple[float | None, int, float | None]":
    """Return (best cosine within the label, row of the nearest sample of another, cosine there).

    None, and row -1, where there is none.
    """
    samples = gallery.positive
    if not len(samples):
        return None, -1, None
    scores = samples.cosines(vector)
    if leave_out >= 0:
        scores[leave_out] = -4.0
    own = None
    if number >= 0:
        mine = samples.of(scores, number)
        if len(mine):
            own = ops.highest(mine)[1]
        if own is not None and own < -2:
            own = None
        scores = samples.without(scores, number)
    row, other = ops.highest(scores)
    if other < -2:
        return own, -1, None
    return own, row, other


async def check(
    ops, gallery: "Gallery", vectors: list, text: str, threshold: float, pause
) -> "list[str]":
    """Return a sentence for each of the unit vectors that is about to be enrolled and should be looked at.

    Samples are named by the numbers that they have or will have.
    """
    warnings: "list[str]" = []
    label = gallery.label(text)
    number = label.number if label is not None else -1
    samples = gallery.positive
    if label is not None and label.threshold is not None:
        threshold = label.threshold
    for i in range(len(vectors)):
        own, row, other = _others(ops, gallery, vectors[i], number)
        nearest = "" if row < 0 else gallery.text_of(samples.owner_of(row))
        for j in range(len(vectors)):
            if i != j:
                cosine = ops.dot(vectors[i], vectors[j])
                own = cosine if own is None else max(own, cosine)
        what = "#%d" % (gallery.next_id + i)
        if other is not None and other >= DUPLICATE:
            warnings.append(
                "%s is nearly the same as #%d of %s (cosine %s)"
                % (what, samples.ids[row], nearest, _two(other))
            )
        elif other is not None and own is not None and other >= own:
            warnings.append(
                "%s is nearer to %s (cosine %s) than to the others of %s (%s)"
                % (what, nearest, _two(other), text, _two(own))
            )
        elif other is not None and own is None and other >= threshold:
            warnings.append("%s would pass as %s (cosine %s)" % (what, nearest, _two(other)))
        if own is not None and own < threshold:
            warnings.append(
                "%s disagrees with the others of %s (cosine %s at best, threshold %s)"
                % (what, text, _two(own), _two(threshold))
            )
        await pause()
    return warnings


async def check_negative(ops, gallery: "Gallery", vectors: list, text: str, pause) -> "list[str]":
    """The same for negative samples: they must not be the label's own pictures."""
    warnings: "list[str]" = []
    label = gallery.label(text)
    if label is None or not label.count:
        return warnings
    for i in range(len(vectors)):
        own, _, _ = _others(ops, gallery, vectors[i], label.number)
        if own is not None and own >= DUPLICATE:
            warnings.append(
                "#%d is nearly the same as a positive sample of %s (cosine %s), which it will rule out"
                % (gallery.next_id + i, text, _two(own))
            )
        await pause()
    return warnings


def relation(ops, gallery: "Gallery", samples: "Samples", row: int) -> list:
    """Return [best cosine to the others of its label, nearest other label, cosine there] of a sample, x 10,000."""
    number = samples.owner_of(row)
    positive = gallery.positive
    own, nearest, other = _others(
        ops, gallery, samples.table[row], number, row if samples is positive else -1
    )
    return [
        None if own is None else int(round(own * 10000)),
        None if nearest < 0 else gallery.text_of(positive.owner_of(nearest)),
        None if other is None else int(round(other * 10000)),
    ]


async def scores(
    gallery: "Gallery", rule: "Rule", pause, report=None
) -> "tuple[list[int], list[int]]":
    """Return (within, between): what the decision would see of enrolled samples, each left out in turn.

    within: the score of the sample's own label (none where it is the only one), between: the best of
    another label. Cosines x 10,000, at most MAX_SAMPLES samples, spread evenly. report: called with how
    many were looked at and how many will be.
    """
    within: "list[int]" = []
    between: "list[int]" = []
    samples = gallery.positive
    step = max(1, (len(samples) + MAX_SAMPLES - 1) // MAX_SAMPLES)
    rows = range(0, len(samples), step)
    for row in rows:
        own, other = gallery.versus(row, rule)
        if own is not None:
            within.append(int(round(own * 10000)))
        if other is not None:
            between.append(int(round(other * 10000)))
        if report is not None:
            report(row // step + 1, len(rows))
        await pause()
    return within, between


def threshold(within: "list[int]", between: "list[int]") -> "tuple[int, int, int] | None":
    """Return (threshold x 10,000, wrongly refused, wrongly accepted), or None where there is nothing to tell.

    Where the two can be told apart, the middle of the gap; else where the shares of both errors
    together are smallest. Without a second label: a little below the lowest within. Never below 0.
    """
    if not within:
        return None
    if not between:
        return max(0, min(within) - 500), 0, 0
    low, high = min(within), max(between)
    if max(0, high) < low:
        return (low + max(0, high) + 1) // 2, 0, 0
    best = (-1, 0, 0, 0)  # cost, threshold, refused, accepted
    candidates = sorted({max(0, value) for value in within + between})
    inside = sorted(within)
    outside = sorted(between)
    refused = 0  # within below the candidate
    below = 0  # between below the candidate
    for value in candidates:
        while refused < len(inside) and inside[refused] < value:
            refused += 1
        while below < len(outside) and outside[below] < value:
            below += 1
        accepted = len(outside) - below
        cost = refused * len(outside) + accepted * len(inside)
        if best[0] < 0 or cost < best[0]:
            best = (cost, value, refused, accepted)
    return best[1], best[2], best[3]
