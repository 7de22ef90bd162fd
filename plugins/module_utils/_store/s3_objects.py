# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The objects of a bucket in an S3 store, read and written by several threads."""

from __future__ import annotations

import dataclasses
import threading
import typing as t
from urllib.parse import quote

from .s3_client import Answer, S3Client, S3Error, error_of, explain
from .s3_keys import S3Failure
from .s3_xml import document, element, number

_PART = 1000  # objects per listing or deletion; limit of the protocol


@dataclasses.dataclass(frozen=True)
class Listed:
    """An object in a listing: size in bytes; `modified` in ISO 8601 and UTC, so that it sorts by
    time.
    """

    key: str
    size: int
    modified: str
    etag: str


class Objects:
    """The objects of one bucket. Each thread has its own persistent connection.

    The counters are sums over all threads. Methods raise `S3Failure`.
    """

    def __init__(self, client: S3Client, bucket: str, threads: int = 8) -> None:
        self.client = client
        self.bucket = bucket
        self.threads = max(1, threads)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._twins: list[S3Client] = []

    def _twin(self) -> S3Client:
        twin = getattr(self._local, "client", None)
        if twin is None:
            twin = self._local.client = self.client.twin()
            with self._lock:
                self._twins.append(twin)
        return twin

    @property
    def requests(self) -> int:
        """Number of requests that were sent."""
        return sum(twin.requests for twin in self._twins)

    @property
    def bytes_sent(self) -> int:
        """Bytes of request bodies."""
        return sum(twin.bytes_sent for twin in self._twins)

    @property
    def bytes_received(self) -> int:
        """Bytes of response bodies."""
        return sum(twin.bytes_received for twin in self._twins)

    def close(self) -> None:
        """Closes the connections of all threads."""
        for twin in self._twins:
            twin.close()

    def _call(self, doing: str, method: str, *given: t.Any, **more: t.Any) -> Answer:
        client = self._twin()
        try:
            return client.call(method, self.bucket, *given, **more)
        except S3Error as error:
            raise explain(error, client, doing, self.bucket) from error

    def get(self, key: str, most: int = 0) -> bytes | None:
        """An object's content, None when it does not exist. A missing bucket is an error.

        `most`: how many bytes are read, 0 for all; give it for objects of somebody who isn't trusted.
        """
        headers = {"range": f"bytes=0-{most - 1}"} if most else None
        try:
            return self._twin().call("GET", self.bucket, key=key, headers=headers).body
        except S3Error as error:
            if error.status == 404 and error.code != "NoSuchBucket":
                return None
            if most and error.status == 416:  # it is empty, so it has no first byte
                return b""
            raise explain(error, self.client, f"reading {key!r}", self.bucket) from error

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Writes an object as a whole; the store checks the body against its checksums."""
        self._call(f"writing {key!r}", "PUT", body=body, key=key, headers={"content-type": content_type})

    def copy(self, source: str, key: str) -> bool:
        """Copies an object within the bucket on the store. Returns False when the source does not
        exist.
        """
        headers = {"x-amz-copy-source": quote(f"/{self.bucket}/{source}", safe="/-_.~")}
        try:
            answer = self._twin().call("PUT", self.bucket, key=key, headers=headers)
        except S3Error as error:
            if error.status == 404 and error.code != "NoSuchBucket":
                return False
            raise explain(error, self.client, f"copying {source!r} to {key!r}", self.bucket) from error
        failure = error_of(answer)  # a copy may fail although the status is 200
        if failure.code:
            raise explain(failure, self.client, f"copying {source!r} to {key!r}", self.bucket)
        return True

    def list(self, prefix: str, delimiter: str = "", all_pages: bool = True) -> tuple[list[Listed], list[str]]:
        """All objects whose keys begin with `prefix`, and the levels below.

        With a delimiter only the objects of that level are listed, and the prefixes of the levels
        below. Without `all_pages` only as many as one answer has, up to 1,000.
        """
        found: list[Listed] = []
        below: list[str] = []
        query = [("list-type", "2"), ("prefix", prefix), *([("delimiter", delimiter)] if delimiter else [])]
        token = ""
        while True:
            more = [("continuation-token", token)] if token else []
            root = self._call(f"listing {prefix!r}", "GET", [*query, *more]).xml()
            if root is None or not root.tag.startswith("List"):
                raise S3Failure(f"listing {prefix!r} of bucket {self.bucket!r}: the answer is not a listing")
            for node in root.iter("Contents"):
                found.append(
                    Listed(
                        node.findtext("Key") or "",
                        number(node, "Size"),
                        node.findtext("LastModified") or "",
                        (node.findtext("ETag") or "").strip('"'),
                    )
                )
            below += [node.findtext("Prefix") or "" for node in root.iter("CommonPrefixes")]
            token = root.findtext("NextContinuationToken") or ""
            if not token or root.findtext("IsTruncated") != "true" or not all_pages:
                return found, below

    def delete(self, keys: t.Iterable[str]) -> int:
        """Deletes objects, 1,000 per request. Returns their number; missing ones count as deleted."""
        wanted = sorted(set(keys))
        for start in range(0, len(wanted), _PART):
            nodes = [element("Object", Key=key) for key in wanted[start : start + _PART]]
            body = document(element("Delete", Object=nodes, Quiet=True))
            root = self._call("deleting objects", "POST", [("delete", "")], body).xml()
            for node in [] if root is None else root.iter("Error"):
                if node.findtext("Code") != "NoSuchKey":
                    raise S3Failure(
                        f"bucket {self.bucket!r}: {node.findtext('Key')!r} can't be deleted: "
                        f"{node.findtext('Code')}: {node.findtext('Message')}"
                    )
        return len(wanted)

    def each(self, work: t.Callable[[t.Any], t.Any], items: t.Iterable[t.Any]) -> list[t.Any]:
        """The results of `work` for all items, called in parallel.

        The first failure cancels what has not started and is raised.
        """
        todo = list(items)
        if self.threads == 1 or len(todo) < 2:
            return [work(item) for item in todo]
        from concurrent import futures

        with futures.ThreadPoolExecutor(min(self.threads, len(todo))) as pool:
            running = [pool.submit(work, item) for item in todo]
            futures.wait(running, return_when=futures.FIRST_EXCEPTION)
            for future in running:
                future.cancel()
            failed = [future for future in running if not future.cancelled() and future.exception()]
            return [future.result() for future in failed or running]


class NoObjects(Objects):
    """The objects of a bucket that does not exist yet, for check mode."""

    def get(self, key: str, most: int = 0) -> bytes | None:
        """None: no object exists."""
        return None

    def list(self, prefix: str, delimiter: str = "", all_pages: bool = True) -> tuple[list[Listed], list[str]]:
        """Two empty lists: no object exists."""
        return [], []
