"""Find and read a deployment package as Canaan's cloud platform ships it.

A package is a folder with deploy_config.json and a .kmodel, read by the functions of `Files`,
which the caller may replace.
"""

import os

from firmware_app.package import json_text, yolo
from firmware_app.package.deploy_fields import FAMILIES, Fields, PackageError, infer
from firmware_app.settings.schema import show
from firmware_app.settings.task_fields import LABELLED

CONFIG = "deploy_config.json"
INNER = "mp_deployment_source"
NNCASE = (2, 11)  # the version that the supported firmware runs
MAX_FOLDERS = 200  # looked into below a package's folder


class Files:
    """The file functions that reading a package needs; paths use /."""

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted; OSError where there is none."""
        return sorted(os.listdir(folder))

    def is_folder(self, path: str) -> bool:
        try:
            return os.stat(path)[0] & 0xF000 == 0x4000
        except OSError:
            return False

    def is_file(self, path: str) -> bool:
        try:
            return os.stat(path)[0] & 0xF000 == 0x8000
        except OSError:
            return False

    def size(self, path: str) -> int:
        return os.stat(path)[6]

    def read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()


class Package:
    """A deployment package as read; None where its file says nothing.

    folder, config_path, kmodel_path: paths; name: the kmodel's without .kmodel; task: one of
    task_fields.TASKS without ocr; head: how detection outputs are decoded; categories: the
    labels in the model's order; img_size: (width, height) of the input; anchors: 18 numbers in
    input pixels; nms_agnostic: nms_option; dictionary_path: of a text recogniser; family: of
    yolo.FAMILIES; task_said: whether the file names the task; keypoints, skeleton: of a pose model;
    warnings: one sentence each.
    """

    def __init__(self, folder: str, fields: Fields) -> None:
        self.folder = folder
        self.config_path = fields.path
        self.model_type = fields.text("model_type")
        self.task = ""
        self.head: str | None = None
        self.kmodel_path = ""
        self.name = ""
        self.categories = fields.labels("categories")
        # Nothing depends on these two, so that no type of theirs is wrong.
        self.num_classes = fields.data.get("num_classes")
        self.confidence_threshold = fields.share("confidence_threshold")
        self.nms_threshold = fields.share("nms_threshold")
        self.mask_threshold = fields.share("mask_threshold")
        self.box_threshold = fields.share("box_threshold")
        self.img_size = fields.size() or (0, 0)  # never of a package that was read
        self.anchors = fields.anchors()
        self.nms_agnostic = fields.flag("nms_option")
        self.nncase_version = fields.data.get("nncase_version")
        self.dictionary_path: str | None = None
        self.family: str | None = None
        self.task_said = True
        self.keypoints = fields.labels("keypoints")
        self.skeleton = fields.skeleton(self.keypoints)
        self.layout: yolo.Layout | None = None  # of a YOLO's outputs: fit.check() finds it
        # What a task makes of it (tasks.py): the labels in use, a recogniser's characters and
        # whether its blank is the first class, the kmodel's digest.
        self.labels: list[str] = []
        self.characters: list[str] | None = None
        self.blank_first = False
        self.sha256 = b""
        self.warnings: list[str] = []


def resolve(path: str, root: str = "/sdcard") -> str:
    """Return the absolute path of a package setting: from root unless it starts with /."""
    path = path.rstrip("/") or "/"
    return path if path[0] == "/" else root.rstrip("/") + "/" + path


def read_package(
    path: str, task: str | None = None, head: str | None = None, files: Files | None = None
) -> Package:
    """Return the package in (or just below) the folder path, or of that deploy_config.json.

    task and head override what the package says of itself. Raises PackageError.
    """
    files = files or Files()
    folder = _find(path, files)
    config_path = _join(folder, CONFIG)
    try:
        data = json_text.load(files.read(config_path))
    except json_text.JsonError as error:
        raise PackageError(config_path + " line " + str(error.line) + ": " + error.problem)
    except OSError:
        raise PackageError(config_path + ": can't be read")
    if not isinstance(data, dict):
        raise PackageError(config_path + ": expected { } with named fields")
    fields = Fields(config_path, data)
    package = Package(folder, fields)
    names = files.names(folder)
    package.task, package.head = infer(fields, task, head, package.warnings, "dict.txt" in names)
    package.family = FAMILIES.get(package.head or "")
    if package.head is None or package.family is not None:  # no other head was asked for
        package.family = yolo.family_of(package.model_type) or package.family
    package.task_said = package.family is None or task is not None or fields.task() is not None
    _find_kmodel(package, fields, names, files)
    package.dictionary_path = _find_dictionary(package, names)
    _require(package, fields)
    _warn(package)
    return package


def _join(folder: str, name: str) -> str:
    return folder.rstrip("/") + "/" + name


def _find(path: str, files: Files) -> str:
    """Return the folder that holds deploy_config.json."""
    path = path.rstrip("/") or "/"
    if path.endswith("/" + CONFIG) and files.is_file(path):
        return path[: -len(CONFIG) - 1] or "/"
    if not files.is_folder(path):
        hint = ""
        if path.endswith(".zip") or files.is_file(path + ".zip"):
            hint = "; unpack the zip archive there"
        raise PackageError(path + ": expected the folder of a deployment package" + hint)
    for folder in (path, _join(path, INNER)):
        if files.is_file(_join(folder, CONFIG)):
            return folder
    names = files.names(path)
    candidates = []
    for name in names[:MAX_FOLDERS]:
        below = _join(path, name)
        if name[0] in "._" or name[:4] == "cpp_" or not files.is_folder(below):
            continue
        for folder in (below, _join(below, INNER)):
            if files.is_file(_join(folder, CONFIG)):
                candidates.append(folder)
                break
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        listed = ", ".join(candidates[:5])
        raise PackageError(path + ": holds several packages, name one of them: " + listed)
    hint = ""
    inner = _join(path, INNER)
    similar = [name for name in names if like_config(name)]
    if not similar and files.is_folder(inner):
        similar = [INNER + "/" + name for name in files.names(inner) if like_config(name)]
    if similar:
        hint = ": rename " + similar[0] + " to " + CONFIG
    elif any(name.endswith(".zip") for name in names):
        hint = " (there is a zip archive: unpack it)"
    elif any(name.endswith(".kmodel") for name in names):
        hint = " (there is a .kmodel: copy the package's deploy_config.json beside it)"
    raise PackageError(path + ": no " + CONFIG + " here or one folder below" + hint)


def like_config(name: str) -> bool:
    """Return whether a file was meant as the configuration: deploy_config (1).json, .json.txt …"""
    plain = name.lower().replace("-", "").replace(" ", "").replace("_", "")
    return plain[:12] == "deployconfig" and (".json" in plain or ".txt" in plain)


def _find_kmodel(package: Package, fields: Fields, names: list[str], files: Files) -> None:
    """Find the model that kmodel_path names, with or without extension, or the only one."""
    named = fields.text("kmodel_path")
    package.kmodel_path = ""
    other = _other_model(named, names)
    present = [
        name
        for name in names
        if name.lower().endswith(".kmodel") and files.is_file(_join(package.folder, name))
    ]
    if named:
        named = named.replace("\\", "/")
        if ".." in named.split("/"):
            raise fields.error("kmodel_path", "a file in the package's folder", named)
        base = named.split("/")[-1]
        # A package comes from elsewhere: only its own folder is looked into.
        for name in (named.strip("/"), named.strip("/") + ".kmodel", base, base + ".kmodel"):
            path = _join(package.folder, name)
            if name and files.is_file(path):
                package.kmodel_path = path
                break
    if not present and other:
        raise fields.error("kmodel_path", "a .kmodel", other)
    if not package.kmodel_path:
        if len(present) != 1:
            where = ", ".join(present[:5]) if present else "no .kmodel in " + package.folder
            if named:
                raise fields.error("kmodel_path", named + " in the package's folder", where)
            raise fields.error("kmodel_path", "the name of the model's file", where)
        package.kmodel_path = _join(package.folder, present[0])
        if named:
            package.warnings.append(
                fields.path
                + ": kmodel_path: "
                + named
                + " is not there; using "
                + present[0]
                + ", the only .kmodel of the folder"
            )
    name = package.kmodel_path.split("/")[-1]
    package.name = name[:-7] if name.lower().endswith(".kmodel") else name


def _other_model(named: str | None, names: list[str]) -> str:
    """Return what a model of another form is and what to do with it, or nothing."""
    for name in [named or ""] + names:
        ending = name.lower().split(".")[-1]
        if ending in ("pt", "pth"):
            return (
                name
                + ", a PyTorch checkpoint: export it to ONNX (Ultralytics: format=onnx), and compile"
                + " that with nncase 2.11 for the target k230"
            )
        if ending in ("onnx", "tflite") and ending != name:
            return name + ": compile it with nncase 2.11 for the target k230"
    return ""


def _find_dictionary(package: Package, names: list[str]) -> str | None:
    if package.task != "ocr_recognition":
        return None
    texts = [name for name in names if name.lower().endswith(".txt")]
    if "dict.txt" in texts:
        return _join(package.folder, "dict.txt")
    lists = [name for name in texts if "readme" not in name.lower()]
    return _join(package.folder, lists[0]) if len(lists) == 1 else None


def _require(package: Package, fields: Fields) -> None:
    """Refuse a package without what its task cannot do without; fill in the usual rest."""
    family = package.family
    if family is not None or package.task in yolo.TASKS[1:4]:
        if package.confidence_threshold is None:
            package.confidence_threshold = yolo.CONFIDENCE
        if package.nms_threshold is None:
            package.nms_threshold = yolo.OVERLAP
        if package.mask_threshold is None:
            package.mask_threshold = yolo.MASK
    if family == "yolov5" and package.anchors is not None:
        package.warnings.append(
            fields.path
            + ": anchors: they are inside a yolov5's kmodel already; those of this file are not used"
        )
    # A YOLO's size is its kmodel's, where the file does not say it.
    if not package.img_size[0] and family is None and package.task not in yolo.TASKS[1:4]:
        raise fields.error("img_size", "[width, height] of the model's input", "nothing")
    if package.head == "AnchorBaseDet" and package.anchors is None:
        raise fields.error("anchors", "3 lists of 6 numbers for AnchorBaseDet", "nothing")
    if package.task in LABELLED and package.categories is None:
        package.warnings.append(
            fields.path + ": categories: missing; the labels must come from the task's settings"
        )
    counted = package.num_classes is not None and package.categories is not None
    if counted and package.num_classes != len(package.categories or ()):
        package.warnings.append(
            fields.path
            + ": num_classes: expected "
            + str(len(package.categories or ()))
            + ", the number of categories, found "
            + show(package.num_classes)
        )


def _warn(package: Package) -> None:
    version = package.nncase_version
    if version is None or version == "":
        return
    if not isinstance(version, str):
        version = show(version)
    supported = str(NNCASE[0]) + "." + str(NNCASE[1])
    if version.split(".")[:2] != supported.split("."):
        package.warnings.append(
            package.config_path
            + ": nncase_version: the model was converted with nncase "
            + version
            + ", the firmware runs "
            + supported
            + "; convert it again if it does not load or answers wrongly"
        )
