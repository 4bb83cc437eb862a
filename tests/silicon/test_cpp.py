"""The corners of C++: conversions, the bit-trick exponential, the order std::sort leaves."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.native import cpp

SORT = """
#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>
int main() {
    size_t n;
    while (std::scanf("%zu", &n) == 1) {
        std::vector<std::pair<float, int>> items(n);
        for (size_t i = 0; i < n; i++) {
            std::scanf("%f", &items[i].first);
            items[i].second = (int)i;
        }
        std::sort(items.begin(), items.end(),
                  [](const std::pair<float, int>& a, const std::pair<float, int>& b) {
                      return a.first > b.first;
                  });
        for (auto& item : items) std::printf("%d ", item.second);
        std::printf("\\n");
    }
}
"""


def test_to_int_truncates_and_saturates() -> None:
    values = np.array([1.9, -1.9, 3e9, -3e9, math.nan, math.inf], np.float32)
    highest, lowest = 2**31 - 1, -(2**31)
    assert cpp.to_int(values).tolist() == [1, -1, highest, lowest, highest, highest]


def test_fast_exp_stays_within_its_error_and_wraps_beyond_its_range() -> None:
    x = np.linspace(-80, 80, 2001).astype(np.float32)
    error = cpp.fast_exp(x) / np.exp(x.astype(np.float64)) - 1
    assert error.min() > -0.0441
    assert error.max() < 0.0152
    assert cpp.fast_exp(np.array([-200], np.float32))[0] == 0
    wrapped = cpp.fast_exp(np.array([120], np.float32))[0]
    assert -1e-20 < wrapped < 0


def test_table_refuses_a_short_tensor_and_ignores_a_surplus() -> None:
    values = np.arange(10, dtype=np.float32)
    assert cpp.table(values, 2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(NativeFault, match="expected 3 rows of 4 values, found 10"):
        cpp.table(values, 3, 4)


def test_descending_without_equal_scores_is_descending() -> None:
    scores = np.random.default_rng(1).permutation(500).astype(np.float32)
    assert scores[cpp.descending(scores)].tolist() == list(range(499, -1, -1))


def test_few_equal_scores_keep_their_order() -> None:
    scores = np.array([1, 2, 1, 2, 1, 2], np.float32)
    assert cpp.descending(scores).tolist() == [1, 3, 5, 0, 2, 4]


def test_equal_scores_stand_as_std_sort_leaves_them(tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ to compile the reference with")
    source, program = tmp_path / "sort.cpp", tmp_path / "sort"
    source.write_text(SORT)
    subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)
    rng = np.random.default_rng(2)
    cases = [
        rng.integers(0, rng.integers(1, 40), rng.integers(1, 400)).astype(np.float32)
        for _ in range(300)
    ]
    cases.append(np.zeros(3000, np.float32))
    text = "\n".join(f"{len(case)} " + " ".join(map(str, case.tolist())) for case in cases)
    answer = subprocess.run(
        [str(program)], input=text, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for case, line in zip(cases, answer, strict=True):
        assert cpp.descending(case).tolist() == [int(word) for word in line.split()]
