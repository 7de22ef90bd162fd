# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Parallel transfers."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Sequence
from typing import Any, Callable


class Pool:
    """Threads that call one function for many items; the first unexpected error is raised."""

    def __init__(self, workers: int) -> None:
        """`workers`: number of threads."""
        self.pool = concurrent.futures.ThreadPoolExecutor(workers)

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Return the results of `function` for the items, in their order."""
        return list(self.pool.map(function, items))

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
