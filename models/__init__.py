"""The demo models: how they are drawn, trained, compiled and packaged, and the packages themselves.

Nothing here is needed to run a package: the service and the virtual board only read
``models/packages``. ``python -m models.make`` makes those again (extra ``models``).
"""
