"""Lets settings of service.yaml take effect while the service runs, changed over the link or on the card.

Most are read where they are used, with each frame. Here are those of which other code keeps a copy, and
those of the camera, for which the sensor is set up anew.
"""

import asyncio
import gc

from firmware_app.base.errors import CameraError, CommandError
from firmware_app.wire import log_lines

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.board.camera import Camera
    from firmware_app.card.configuration import Configuration
    from firmware_app.link.gateway import Identity
    from firmware_app.link.links import Links
    from firmware_app.link.publisher import Publisher
    from firmware_app.run.engine import Engine
    from firmware_app.run.switcher import Switcher
    from firmware_app.settings.reader import Settings

_LOOK_MS = 5
_HUNG_MS = 2000  # in which the camera's thread leaves the driver; its calls end sooner


class Live:
    """Puts settings in force."""

    def __init__(
        self,
        configuration: "Configuration",
        engine: "Engine",
        switcher: "Switcher",
        links: "Links",
        publisher: "Publisher",
        identity: "Identity",
        log: "Log",
        clock: "Clock",
    ) -> None:
        self._configuration = configuration
        self._engine = engine
        self._switcher = switcher
        self._links = links
        self._publisher = publisher
        self._identity = identity
        self._log = log
        self._clock = clock

    async def use(self, fresh: "Settings") -> None:
        """Let these be in force; CommandError: the camera can't work so, and all stays as it is.

        No switch may be running when this is called; while the sensor is set up, it keeps them waiting.
        """
        camera = self._engine.camera
        values = fresh.values
        if camera is not None and camera.differs(values["camera"], preview_of(values)):
            await self._reopen(camera, values)
        self._configuration.use(fresh)
        self.adopt()

    def adopt(self) -> None:
        """Give the settings in force to those who keep a copy."""
        values = self._configuration.values
        self._log.level = log_lines.level_of(values["log"]["level"])
        self._identity.rename(values["board"]["name"])
        # Between the regular collections: what one burst of commands or text may leave behind.
        gc.threshold(values["memory"]["collect_kb"] * 1024)
        self._links.adopt(values)

    def check(self, fresh: "Settings", task_values: dict) -> None:
        """Raise CommandError where the running task could not work with frames of this size."""
        size = fresh.values["camera"]
        camera = self._engine.camera
        if camera is not None and size == camera.settings:
            # Smaller than wanted, maybe, where memory is short.
            self._engine.check(task_values, camera.width, camera.height)
        else:
            self._engine.check(task_values, size["width"], size["height"])

    async def _reopen(self, camera: "Camera", values: dict) -> None:
        """Set the sensor up with other settings; CommandError where it can't be, and it is as before."""
        settings = values["camera"]
        if camera.broken:
            camera.configure(settings, preview_of(values))
            return  # the engine is about to set it up
        before = (camera.settings, camera.preview_settings)
        engine = self._engine
        start_ms = self._clock.ms()
        self._switcher.hold()
        try:
            while not camera.pause():
                if self._clock.ms() - start_ms >= _HUNG_MS:
                    camera.give_up("the camera's driver does not return")
                    raise CommandError("failed", camera.problem)
                await asyncio.sleep_ms(_LOOK_MS)
            camera.stop()
            try:
                camera.configure(settings, preview_of(values))
                engine.start_camera(camera)
            except CameraError as error:
                camera.configure(before[0], before[1])
                try:
                    engine.start_camera(camera)
                except CameraError as worse:
                    camera.give_up(str(worse))
                raise CommandError("failed", "the camera can't be set up like this: %s" % error)
        finally:
            self._switcher.let_go()
        if camera.warning:
            self._log.warning(camera.warning)
        details = {
            "without_ms": self._clock.ms() - start_ms,
            "preview": values["preview"]["enabled"],
        }
        self._publisher.event("camera", details)


def preview_of(values: dict) -> "dict | None":
    """Return the `preview` section of service.yaml where the channel is wanted."""
    preview = values["preview"]
    return preview if preview["enabled"] else None
