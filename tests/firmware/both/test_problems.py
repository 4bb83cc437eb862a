"""The store of what is wrong: codes and sentences, and who is told of a change."""

from firmware_app.base.problems import CAMERA, SAFE_MODE, SETTINGS, TASK, Problems


def told() -> tuple:
    problems = Problems()
    heard: list = []
    problems.listener = lambda code, text: heard.append((code, text))
    return problems, heard


def test_a_problem_is_told_once_and_again_when_it_is_solved() -> None:
    problems, heard = told()
    for _ in range(3):
        problems.set(CAMERA, "no frames")
    problems.set(CAMERA, "no sensor")
    assert problems.rows() == [{"code": "camera", "text": "no sensor"}]
    for _ in range(3):
        problems.clear(CAMERA)
    assert problems.rows() == []
    assert heard == [("camera", "no frames"), ("camera", "no sensor"), ("camera", "")]


def test_one_code_may_have_several_rows() -> None:
    problems, heard = told()
    for text in ("line 1", "line 2", "line 1"):
        problems.add(SETTINGS, text)
    problems.set(CAMERA, "no frames")
    assert [row["text"] for row in problems.rows()] == ["line 1", "line 2", "no frames"]
    assert problems.codes() == ["settings", "camera"]
    problems.set(SETTINGS, "line 3")
    assert [row["text"] for row in problems.rows()] == ["no frames", "line 3"]
    problems.clear(SETTINGS)
    assert heard[-1] == ("settings", "")


def test_why_no_task_runs() -> None:
    problems = Problems()
    assert problems.why_no_task() == "no task is running"
    problems.set(CAMERA, "no frames")
    problems.set(SAFE_MODE, "3 starts crashed")
    assert problems.why_no_task() == "3 starts crashed"
    problems.clear(SAFE_MODE)
    problems.set(TASK, "no such package")
    assert problems.why_no_task() == "no such package"
