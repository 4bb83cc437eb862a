"""What corrupts memory on the board ends the interpreter here, with a sentence that says why."""

from __future__ import annotations

import pytest
from ulab_runner import micropython, run_script  # type: ignore[import-not-found,unused-ignore]

pytestmark = pytest.mark.skipif(micropython() is None, reason="no micropython command found")

FAULTS = {
    "np.arange(6).reshape((2,3)).T.reshape((6,))": "a.reshape",
    "np.zeros((4,4))[:,1].reshape((2,2))": "not dense",
    "np.arange(8)[::2].reshape((2,2))": "not dense",
    "np.nonzero(np.ones((300,300),dtype=np.uint8))": "65535",
    "np.diff(np.zeros((2,3)))": "np.diff",
    "abs(np.ones(3,dtype=np.uint8))": "abs()",
    "abs(np.ones(3,dtype=np.uint16))": "abs()",
    "abs(np.ones(3)>0)": "abs()",
    "np.array([[1],[2,3]])": "ragged",
    "np.dot(np.zeros((2,2,2)),np.zeros((2,2)))": "3-D",
    "np.dot(np.zeros(2),np.zeros((2,3)))": "np.dot",
    "np.roll(np.zeros(3),0)": "np.roll",
    "np.roll(np.zeros((2,3)),-3,axis=1)": "np.roll",
    "np.compress([1,0],np.zeros((2,2,2,2)),axis=0)": "np.compress",
    "np.eye(2,M=4,k=1)": "np.eye",
    "setattr(np.zeros(4),'shape',(2,2))": "a.shape",
    "store_behind(np.zeros(3))": "empty slice",
}


@pytest.mark.parametrize("expression", FAULTS)
def test_corruption_ends_the_interpreter(expression: str) -> None:
    outcome = run_script(
        "from ulab import numpy as np\n"
        "def store_behind(a):\n    a[3:] = 1\n"
        f"try:\n    {expression}\nexcept BaseException as e:\n    print('caught', e)\n"
        "print('went on')\n"
    )
    assert outcome.fault is not None, outcome.output
    assert FAULTS[expression] in outcome.fault
    assert "went on" not in outcome.output
    assert "caught" not in outcome.output
    assert outcome.returncode != 0


def test_the_safe_ways_around_work() -> None:
    outcome = run_script(
        "from ulab import numpy as np\n"
        "print(np.arange(6).reshape((2,3)).T.copy().reshape((6,)))\n"
        "print(np.arange(8)[2:6].reshape((2,2)))\n"
        "print(len(np.nonzero(np.ones(65535,dtype=np.uint8))[0]))\n"
        "print(np.diff(np.array([1,4,9])))\n"
        "print(abs(np.array([-1,2],dtype=np.int8)))\n"
    )
    assert outcome.fault is None
    assert outcome.output.split("\n")[0] == "array([0, 3, 1, 4, 2, 5], dtype=int16)"
    assert "65535\n" in outcome.output
    assert outcome.output.endswith("array([1, 2], dtype=int8)\n")
