"""MkDocs calls these while it builds the site: they add the generated pages and mend links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.site import markdown, pages

ROOT = Path(__file__).resolve().parents[2]


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the pages that are not in docs/."""
    for name, text in pages.generated().items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(text: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Return the page as the site's Markdown wants it, its links within the site."""
    name = page.file.src_uri
    if page.file.generated_by is None:
        text = markdown.linked(text, f"docs/{name}", name, pages.PLACES)
    if name.endswith(".zh-CN.md"):
        text = markdown.without_gaps(text)
    return markdown.with_lists(markdown.with_bars(text))
