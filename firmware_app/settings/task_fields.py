"""The settings of configs/tasks/NAME.yaml, in the order of those files and of docs/configuration.md.

A new setting is one entry here; `python -m tools.configuration_reference` writes it into both.
"""

from firmware_app.settings import event_fields
from firmware_app.settings.schema import Field

TASKS = (
    "classification",
    "detection",
    "segmentation",
    "ocr_detection",
    "ocr_recognition",
    "ocr",
    "metric_learning",
    "multilabel",
    "instance_segmentation",
    "pose",
    "oriented_detection",
)
OBJECTS = ("detection", "instance_segmentation", "pose", "oriented_detection")
LABELLED = ("classification", "segmentation", "multilabel") + OBJECTS  # results name classes
HEADS = ("AnchorBaseDet", "AnchorFreeDet", "GFLDet", "YOLOv5", "YOLOv8", "YOLO26")

_BOXES = OBJECTS + ("ocr_detection", "ocr")
_TEXT_BOXES = ("ocr_detection", "ocr")
_READS = ("ocr_recognition", "ocr")
_SINGLE = tuple(task for task in TASKS if task != "ocr")
_IDENTITIES = ("metric_learning",)

FIELDS = (
    Field.choice("task", None, TASKS, required=True, text="What the model does."),
    Field.card_path(
        "package",
        tasks=_SINGLE,
        required=True,
        text="Folder of the deployment package, from /sdcard or absolute.",
    ),
    Field.card_path(
        "detection_package",
        tasks=("ocr",),
        required=True,
        text="Folder of the package that finds the text.",
    ),
    Field.card_path(
        "recognition_package",
        tasks=("ocr",),
        required=True,
        text="Folder of the package that reads the text.",
    ),
    Field.card_path(
        "gallery",
        tasks=_IDENTITIES,
        text="Gallery of enrolled identities: a name in /data/galleries, or a file's path; null: "
        + "send embeddings only, until something is enrolled.",
    ),
    Field.number(
        "confidence_threshold",
        None,
        range=(0, 1),
        tasks=("classification", "metric_learning", "multilabel") + OBJECTS,
        live=True,
        text="Smallest score that counts (metric_learning: cosine); null: the package's value.",
    ),
    Field.number(
        "margin",
        0.0,
        range=(0, 1),
        tasks=_IDENTITIES,
        live=True,
        text="Smallest lead over the runner-up that counts.",
    ),
    Field.number(
        "nms_threshold",
        None,
        range=(0, 1),
        tasks=OBJECTS,
        live=True,
        text="Overlap from which two boxes are the same object; null: the package's value. An "
        + "end-to-end YOLO26 has none, unless it is set here.",
    ),
    Field.choice(
        "nms",
        None,
        ("class_aware", "class_agnostic"),
        tasks=OBJECTS,
        live=True,
        text="class_agnostic: boxes of different classes suppress each other too; null: the "
        + "package's nms_option.",
    ),
    Field.number(
        "mask_threshold",
        None,
        range=(0, 1),
        tasks=_TEXT_BOXES + ("instance_segmentation",),
        live=True,
        text="Probability from which a pixel is text, or the object's; null: the package's value.",
    ),
    Field.number(
        "box_threshold",
        None,
        range=(0, 1),
        tasks=_TEXT_BOXES,
        live=True,
        text="Mean text probability from which a box counts; null: the package's value.",
    ),
    Field.choice(
        "model_output",
        None,
        ("logits", "probabilities"),
        tasks=("classification", "multilabel"),
        live=True,
        text="probabilities: the model ends in its softmax or sigmoid; null: found out from the frames.",
    ),
    Field.integer(
        "top_k",
        5,
        range=(1, 100),
        tasks=("classification",),
        live=True,
        text="How many of the best classes are sent.",
    ),
    Field.integer(
        "max_results",
        50,
        range=(1, 300),
        tasks=_BOXES + ("multilabel",),
        live=True,
        text="Maximum results per frame, best first; ocr: each costs one run of the recognizer.",
    ),
    Field.integer(
        "min_size",
        0,
        range=(0, 4096),
        unit="pixels",
        tasks=_BOXES + _IDENTITIES,
        live=True,
        text="Leave out boxes with a shorter side than this.",
    ),
    Field.card_path(
        "detection_package",
        tasks=_IDENTITIES,
        text="Folder of the detection package that finds the objects; null: the whole frame is one.",
    ),
    Field.number(
        "detection_threshold",
        None,
        range=(0, 1),
        tasks=_IDENTITIES,
        live=True,
        text="Smallest score of a box to identify; null: the detection package's value.",
    ),
    Field.integer(
        "max_crops",
        4,
        range=(1, 50),
        tasks=_IDENTITIES,
        live=True,
        text="Maximum boxes to identify per frame, best first; each costs one inference.",
    ),
    Field.choice(
        "combine",
        "best",
        ("best", "mean", "nearest"),
        tasks=_IDENTITIES,
        live=True,
        text="How the samples of a label make its score: the best one, their mean direction, or the "
        + "mean of the nearest.",
    ),
    Field.integer(
        "nearest",
        3,
        range=(1, 100),
        tasks=_IDENTITIES,
        live=True,
        text="Samples of a label that count with combine: nearest.",
    ),
    Field.choice(
        "embeddings",
        "auto",
        ("auto", "always", "never"),
        tasks=_IDENTITIES,
        live=True,
        text="Whether results carry the embedding; auto: while nothing is enrolled.",
    ),
    Field.integer(
        "gallery_capacity",
        10000,
        range=(1, 60000),
        tasks=_IDENTITIES,
        text="Maximum samples of a gallery, negative ones included.",
    ),
    Field.integer(
        "map_side",
        160,
        range=(16, 4096),
        unit="pixels",
        tasks=("segmentation", "instance_segmentation"),
        live=True,
        text="Smallest side of the class map, or of the masks' grid over the model's input: of a model "
        + "with an output twice as large or more, every second (third …) pixel is looked at. Smaller "
        + "maps are faster.",
    ),
    Field.card_path(
        "dictionary",
        tasks=_READS,
        text="File of the recognizer's characters, one a line; null: dict.txt of its package.",
    ),
    Field.choice(
        "blank",
        None,
        ("last", "first"),
        tasks=_READS,
        text="Place of the recognizer's blank: last (Canaan's platform) or first (PaddleOCR, which "
        + "adds a space as last character); null: last, unless the dictionary fits only first.",
    ),
    Field.region(
        "region",
        unit="pixels",
        live=True,
        text="Part of the frame to look at, such as {x: 320, y: 0, width: 640, height: 640}; null: "
        + "all of it.",
    ),
    Field.labels(
        "labels",
        tasks=LABELLED,
        text="Names of the classes in the model's order, such as [cat, dog]; null: the package's "
        + "categories.",
    ),
    Field.choice(
        "head",
        None,
        HEADS,
        tasks=("detection",),
        text="How the outputs are decoded; null: the package's model_type.",
    ),
    Field.boolean(
        "vendor_compatible",
        False,
        live=True,
        text="Repeat the known faults of the vendor's scripts.",
    ),
) + event_fields.FIELDS
