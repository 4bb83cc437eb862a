"""Large arrays that the silicon has already do not travel; whatever is done to one, the right items arrive."""

from __future__ import annotations

from pathlib import Path

from tests.virtual_board.scripts import run_script

SOURCE = """
from _k230 import silicon
from ulab import numpy as np

SIDE = 40000  # 160,000 bytes: several times what is kept
sent = []
channel = silicon._channels[0]
exchange = channel.exchange

def counted(op, args, blobs, brief=False):
    before = silicon._mirrors.number_of
    found = []
    def mirrored(view):
        number = before(view)
        found.append(number != 0)
        return number
    silicon._mirrors.number_of = mirrored
    try:
        return exchange(op, args, blobs, brief)
    finally:
        silicon._mirrors.number_of = before
        if blobs:
            sent.append((op, any(found)))

channel.exchange = counted

def total(array):
    return float(np.dot(array, ones))

ramp = np.array(range(SIDE), dtype=np.uint16)
ones = np.ones((SIDE,))
made = ramp * 1.0  # an answer of the silicon
del sent[:]
assert total(made) == total(np.array(range(SIDE), dtype=np.float))
print("unchanged", sent[0][1])

made = ramp * 1.0
made[7] = 1007.0
assert np.max(made[:100]) == 1007.0 and float(np.max(made + 0.0)) == SIDE - 1
made = ramp * 1.0
memoryview(made)[9] = 60000.0  # nobody sees this but the comparison
del sent[:]
assert int(np.argmax(made)) == 9
print("changed", sent[0][1])

made = ramp * 1.0
other = ramp * 2.0  # of the same size: the first one is no longer known
del sent[:]
assert float(np.max(made)) == SIDE - 1 and float(np.max(other)) == 2 * (SIDE - 1)
print("two", [known for _, known in sent])

# A view that ends a little before the array does: every second item.
made = ramp * 1.0
made = made[:]
pairs = made.reshape((SIDE // 2, 2))
del sent[:]
evens = pairs[:, 0].reshape(-1)
assert evens[3] == 6.0 and evens[SIDE // 2 - 1] == SIDE - 2
print("part", sent[0][1])

# So many others that the silicon forgets, while the interpreter still has its copy.
made = ramp * 1.0
for count in range(1, 12):
    silicon.call("ulab.copy", [[(66, False, (70000 + count,))], []], [bytes(70000 + count)])
del sent[:]
assert float(np.max(made)) == SIDE - 1
print("forgotten", len(sent))
print("done")
"""


def test_what_arrives_is_what_the_script_has(tmp_path: Path) -> None:
    run = run_script(tmp_path, SOURCE)
    assert run.lines == [
        "unchanged True",
        "changed False",
        "two [False, True]",
        "part True",
        "forgotten 2",
        "done",
    ], run.events


SLICES = """
from _k230 import silicon
from ulab import numpy as np

sent = []
call = silicon.call

def counted(op, args=(), blobs=(), brief=False):
    sent.append(op)
    return call(op, args, blobs, brief)

silicon.call = counted

def flat(item):
    if not isinstance(item, list):
        return [item]
    return [value for part in item for value in flat(part)]

for dtype in (np.uint8, np.int16, np.float):
    whole = (np.array(range(3 * 6 * 7 * 20)) * 0.1).reshape((3, 6, 7, 20))
    whole = np.array(whole, dtype=dtype)
    cube = whole.reshape((18, 7, 20))
    for view in (
        cube[:, 2:5, 3:9],
        cube[::2, :, 4:],
        cube[::-1, 1:, :-1],
        whole[1:, ::3, :, 2:18],
        whole[:, ::-2, ::2, 5:],
        cube[5, :, 1:],
        cube[:, :, ::2],
        cube[2:11, 3].transpose(),
    ):
        values = flat(view.tolist())
        del sent[:]
        assert flat(view.copy().tolist()) == values
        assert not sent or view.strides[-1] != view.itemsize, view.shape
        assert flat((view * 1.0).tolist()) == flat((view.copy() * 1.0).tolist())
print("done")
"""


def test_slices_of_large_arrays_hold_what_they_show(tmp_path: Path) -> None:
    run = run_script(tmp_path, SLICES)
    assert run.lines == ["done"], run.events
