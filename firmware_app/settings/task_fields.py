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
    Field.choice("task", None, TASKS, required=True, text="Task of the model."),
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
        text="Folder of the text detection package.",
    ),
    Field.card_path(
        "recognition_package",
        tasks=("ocr",),
        required=True,
        text="Folder of the text recognition package.",
    ),
    Field.card_path(
        "gallery",
        tasks=_IDENTITIES,
        text="Gallery of enrolled identities: a name in /data/galleries, or a file's path; null: "
        + "send only embeddings, until something is enrolled.",
    ),
    Field.number(
        "confidence_threshold",
        None,
        range=(0, 1),
        tasks=("classification", "metric_learning", "multilabel") + OBJECTS,
        live=True,
        text="Lowest score of a result (metric_learning: cosine); null: the package's value.",
    ),
    Field.number(
        "margin",
        0.0,
        range=(0, 1),
        tasks=_IDENTITIES,
        live=True,
        text="Smallest difference to the second best label.",
    ),
    Field.number(
        "nms_threshold",
        None,
        range=(0, 1),
        tasks=OBJECTS,
        live=True,
        text="Overlap at which two boxes are one object; null: the package's value. An "
        + "end-to-end YOLO26 uses none unless it is set here.",
    ),
    Field.choice(
        "nms",
        None,
        ("class_aware", "class_agnostic"),
        tasks=OBJECTS,
        live=True,
        text="class_agnostic: boxes of different classes also suppress each other; null: the "
        + "package's nms_option.",
    ),
    Field.number(
        "mask_threshold",
        None,
        range=(0, 1),
        tasks=_TEXT_BOXES + ("instance_segmentation",),
        live=True,
        text="Lowest probability of a pixel of text or of an object; null: the package's value.",
    ),
    Field.number(
        "box_threshold",
        None,
        range=(0, 1),
        tasks=_TEXT_BOXES,
        live=True,
        text="Lowest mean text probability of a box; null: the package's value.",
    ),
    Field.choice(
        "model_output",
        None,
        ("logits", "probabilities"),
        tasks=("classification", "multilabel"),
        live=True,
        text="probabilities: the model ends in a softmax or sigmoid; null: detected from the frames.",
    ),
    Field.integer(
        "top_k",
        5,
        range=(1, 100),
        tasks=("classification",),
        live=True,
        text="Number of best classes to send.",
    ),
    Field.integer(
        "max_results",
        50,
        range=(1, 300),
        tasks=_BOXES + ("multilabel",),
        live=True,
        text="Maximum results per frame, best first; ocr: each costs one recognition.",
    ),
    Field.integer(
        "min_size",
        0,
        range=(0, 4096),
        unit="pixels",
        tasks=_BOXES + _IDENTITIES,
        live=True,
        text="Ignore boxes with a shorter side than this.",
    ),
    Field.card_path(
        "detection_package",
        tasks=_IDENTITIES,
        text="Folder of the detection package for recognising each object; null: the whole frame.",
    ),
    Field.number(
        "detection_threshold",
        None,
        range=(0, 1),
        tasks=_IDENTITIES,
        live=True,
        text="Lowest score of a box to identify; null: the detection package's value.",
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
        text="Score of a label from its samples: the best one, their mean direction, or the "
        + "mean of the nearest.",
    ),
    Field.integer(
        "nearest",
        3,
        range=(1, 100),
        tasks=_IDENTITIES,
        live=True,
        text="With combine nearest: number of samples.",
    ),
    Field.choice(
        "embeddings",
        "auto",
        ("auto", "always", "never"),
        tasks=_IDENTITIES,
        live=True,
        text="Send the embedding with results; auto: while nothing is enrolled.",
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
        text="Smallest side of the class map, or of the masks' grid over the model's input. For an output "
        + "of at least twice this size, every second (third …) pixel is used. Smaller maps are "
        + "faster.",
    ),
    Field.integer(
        "fine_masks",
        10,
        range=(0, 300),
        tasks=("instance_segmentation",),
        live=True,
        text="Objects in a picture with masks as fine as map_side lets them be. Of more objects the "
        + "masks' cells are those of the model's prototypes, four pixels of its input, which takes "
        + "much less time.",
    ),
    Field.card_path(
        "dictionary",
        tasks=_READS,
        text="File with the recognizer's characters, one a line; null: dict.txt of its package.",
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
        text="Part of the frame to use, such as {x: 320, y: 0, width: 640, height: 640}; null: "
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
        text="Decoder of the outputs; null: the package's model_type.",
    ),
    Field.boolean(
        "vendor_compatible",
        False,
        live=True,
        text="Reproduce the known faults of the vendor's scripts.",
    ),
) + event_fields.FIELDS
