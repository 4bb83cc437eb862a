"""Every page of the site that is not a file of docs/, made anew at each build."""

from __future__ import annotations

from pathlib import Path

from tools.site import api, commands, examples, markdown, schemas

ROOT = Path(__file__).resolve().parents[2]

# Files of the repository that are pages of the site as they are.
_COPIED = {
    "README.zh-CN.md": "index.zh-CN.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "clients/c/README.md": "clients-c.md",
    "models/README.md": "models.md",
    "host_client/vendor/README.md": "licences.md",
}
# Where links to the repository lead in the site.
PLACES = {
    **_COPIED,
    "README.md": "index.md",
    "clients/c": "clients-c.md",
    "configs": "configuration-files.md",
    "configs/tasks": "configuration-files.md#tasks",
    "docs/decisions": "decisions/README.md",
    "examples": "examples.md",
    "host_client/schemas": "json-schemas.md",
    "models": "models.md",
    **{
        path.relative_to(ROOT).as_posix(): f"json-schemas.md#{schemas.anchor(path)}"
        for path in schemas.files()
    },
    **{
        path.relative_to(ROOT).as_posix(): f"examples.md#{examples.anchor(path)}"
        for path in examples.files()
    },
}


def configuration_files() -> str:
    """Return the page with the files of configs/."""
    lines = [
        "# Files to copy",
        "",
        "The settings of a board and of each task, with their defaults: copy, change, and",
        "`k230 config validate FILE`. [Every setting](configuration.md) has the same as a table.",
    ]
    configs = ROOT / "configs"
    tasks = sorted((configs / "tasks").glob("*.yaml"))
    for path in (configs / "service.yaml", *tasks):
        if path == tasks[0]:
            lines += ["", "## Tasks"]
        mark = "##" if path.parent == configs else "###"
        text = path.read_text("utf-8").rstrip()
        lines += ["", f"{mark} {path.name}", "", "```yaml", text, "```"]
    return "\n".join(lines) + "\n"


def generated() -> dict[str, str]:
    """Return each page's path in the site, and its text."""
    found = {
        "cli-reference.md": commands.reference(),
        "configuration-files.md": configuration_files(),
        "examples.md": examples.page(),
        "json-schemas.md": schemas.page(),
        "python-reference.md": api.reference(),
    }
    for source, name in _COPIED.items():
        text = (ROOT / source).read_text("utf-8")
        found[name] = markdown.linked(text, source, name, PLACES)
    return found
