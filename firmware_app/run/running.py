"""What runs, as one value: replaced as a whole (Engine.replace), never changed."""

from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.settings.reader import Settings
    from firmware_app.tasks.base import Task


class Running:
    """A task, its settings, and the generation that its results bear."""

    def __init__(
        self, name: str, task: "Task | None", settings: "Settings | None", generation: int
    ) -> None:
        """name: of configs/tasks/NAME.yaml, empty where no task runs, and settings is None then.

        task: None also while the task's model has made room for another one's.
        """
        self.name = name
        self.task = task
        self.settings = settings
        self.generation = generation
        self.values: dict = settings.values if settings is not None else {}

    def with_task(self, task: "Task | None") -> "Running":
        """Return the same with its model loaded anew, or given back."""
        return Running(self.name, task, self.settings, self.generation)

    def with_settings(self, settings: "Settings", generation: int) -> "Running":
        """Return the same task with other settings."""
        return Running(self.name, self.task, settings, generation)

    def message(self, width: int, height: int) -> "list | None":
        """Return MODEL; None while there is no task. width, height: of the camera's frames, pixels."""
        task = self.task
        if task is None:
            return None
        message = [
            messages.MODEL,
            self.generation,
            messages.RESULT_TASKS[task.result_type],
            task.name,
            task.sha256,
            task.labels,
            width,
            height,
            self.name,
        ]
        if task.details is not None:
            message.append(task.details)
        return message
