"""`k230 verify` for a metric-learning package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from host_client.base.exceptions import CommandFailed, K230Error, PictureError
from host_client.board import Board
from host_client.check.embeddings import Embedded, Nearest, matrix, nearest
from host_client.cli import output
from host_client.cli.drawings import SIMILARITIES
from host_client.cli.progress import counted
from host_client.drawing.result import draw, save
from host_client.drawing.similarity import draw_similarities
from host_client.results.types import MetricLearningResult, Result


async def ask(
    board: Board,
    pictures: Sequence[Path],
    wanted: Mapping[Path, str],
    drawn: Mapping[Path, Path],
    as_json: bool,
) -> tuple[list[Embedded], list[tuple[Path, K230Error]]]:
    """Return the pictures' embeddings, and the pictures that failed; draw the answers."""
    rows: list[Embedded] = []
    failed: list[tuple[Path, K230Error]] = []
    with counted(as_json, pictures, "pictures") as each:
        for picture in each:
            try:
                vector, result = await _embedding(board, picture)
            except (PictureError, CommandFailed) as error:
                if len(pictures) == len(failed) + 1:
                    raise  # no picture is left for a verdict
                failed.append((picture, error))
                if not as_json:
                    output.print_error(error, as_json)
                continue
            draw(picture, result, drawn[picture])
            rows.append(Embedded(str(picture), vector, wanted.get(picture)))
    return rows, failed


async def ask_before(board: Board, rows: Sequence[Embedded], as_json: bool) -> list[Embedded]:
    """Return the rows with the embeddings of the model before its conversion."""
    with counted(as_json, rows, "pictures with the ONNX model") as each:
        return [
            row._replace(before=(await _embedding(board, Path(row.picture)))[0]) for row in each
        ]


async def _embedding(board: Board, picture: Path) -> tuple[tuple[float, ...], Result]:
    result = await board.infer(picture)
    assert isinstance(result, MetricLearningResult)
    return result.embedding or (), result


def compared(
    rows: Sequence[Embedded], threshold: float | None, out: Path, as_json: bool
) -> dict[str, Any]:
    """Draw the matrix, print each picture's nearest one, and return both for the report."""
    cosines = matrix(rows)
    names = [Path(row.picture).name for row in rows]
    chart = out / SIMILARITIES
    save(draw_similarities(names, [row.identity for row in rows], cosines, threshold), chart)
    closest = nearest(rows, cosines)
    if not as_json:
        for row, near in zip(rows, closest, strict=True):
            output.print_line(_line(row, near))
        output.print_line(f"similarity of all pictures: {chart}")
    return {
        "pictures": len(rows),
        "answers": [
            {
                "picture": row.picture,
                "identity": row.identity,
                "nearest": near and {**near._asdict(), "cosine": round(near.cosine, 5)},
            }
            for row, near in zip(rows, closest, strict=True)
        ],
        "similarities": [[round(value, 5) for value in line] for line in cosines],
    }


def _line(row: Embedded, near: Nearest | None) -> str:
    text = Path(row.picture).name
    if row.identity is not None:
        text += f" ({row.identity})"
    if near is None:
        return f"{text}: the only picture"
    owner = f" ({near.identity})" if near.identity is not None else ""
    wrong = row.identity is not None and near.identity not in (None, row.identity)
    text += f": nearest {Path(near.picture).name}{owner}, cosine {near.cosine:.2f}"
    return text + ("  <- another identity" if wrong else "")
