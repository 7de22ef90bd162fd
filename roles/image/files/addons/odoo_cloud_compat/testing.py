# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Shared by the tests of several addons."""

import contextlib
import logging
import os

from . import compat


def log_in(case):
    """Log the test `case`, an HttpCase, in as the administrator, whose login is `admin` until it ends.

    A database of the platform has a password that nobody knows.
    """
    user = case.env.ref("base.user_admin")
    user.write({"login": "admin", "password": "admin"})
    compat.flush(user)
    case.authenticate("admin", "admin")


@contextlib.contextmanager
def environ(**values):
    """Set environment variables for the code within; `None` removes one."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values):
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class _Keep(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def log_lines(name):
    """Yield the list of lines that are logged under the name, including those of threads that
    answer a test's requests."""
    logger, handler = logging.getLogger(name), _Keep()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
