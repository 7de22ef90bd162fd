# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Git repositories as sources: pinned revisions, submodules, merges of several branches.

Git is called with lists of arguments, never through a shell. Sources are identified by commits; a
checkout that already has the wanted commits needs no network.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import typing as t

from .release import DeliveryError

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@#-]*\Z")
_USER = re.compile(r"(://)[^/@\s]+@")
_MARKER = "odoo-cloud-complete"
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ADVICE": "0",
    "LC_ALL": "C",
}
# Merges are rebuilt on each machine. Without fixed names and dates their commits would differ,
# though not their content.
_IDENTITY = {
    "GIT_AUTHOR_NAME": "odoo_cloud", "GIT_AUTHOR_EMAIL": "odoo_cloud@localhost", "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "odoo_cloud", "GIT_COMMITTER_EMAIL": "odoo_cloud@localhost", "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
}  # fmt: skip


def without_user(url: str) -> str:
    """An address without the user name and password in it."""
    return _USER.sub(r"\1", url)


class Git:
    """Checkouts below one folder, built from repositories at known commits."""

    def __init__(
        self, folder: str, timeout: int = 600, git: str = "git", locked: t.Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.timeout = timeout
        self.git = git
        self.locked = dict(locked or {})
        self.used: dict[str, str] = {}
        self.fetches = 0
        self._protocols = ""

    def _run(self, arguments: list[str], cwd: str, doing: str, environ: t.Mapping[str, str] | None = None) -> str:
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key.startswith("GIT_SSH")
        }
        try:
            done = subprocess.run(
                arguments,
                cwd=cwd,
                env={**inherited, **_ENVIRONMENT, "GIT_ALLOW_PROTOCOL": self._protocols, **(environ or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.timeout,
                check=False,
            )
        except FileNotFoundError as error:
            raise DeliveryError(
                f"{doing}: {error.filename!r} is not installed on the machine that runs this module"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise DeliveryError(f"{doing}: took longer than {self.timeout} seconds") from error
        if done.returncode:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
            text = without_user(" ".join(line.strip() for line in said[-6:]))
            raise DeliveryError(f"{doing}: {text or f'git ended with {done.returncode}'}")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def _git(self, cwd: str, doing: str, *arguments: str) -> str:
        return self._run(
            [self.git, "-c", "advice.detachedHead=false", "-c", "core.hooksPath=/dev/null", *arguments], cwd, doing
        )

    def commit_of(self, url: str, revision: str) -> str:
        """The commit of a revision: itself, the locked one, or the one that the repository has now.

        Raises `DeliveryError` when there is none, or when git fails.
        """
        if url.startswith("-") or not url:
            raise DeliveryError(f"git_sources: url={url!r} is no address")
        if not _REVISION.match(revision) or ".." in revision:
            raise DeliveryError(f"git_sources: {without_user(url)}: revision={revision!r} is no branch, tag or commit")
        # Never ext::, which runs commands. And a foreign repository must not name folders of this
        # machine as submodules.
        local = url.startswith(("/", "file://"))
        self._protocols = "file:git:http:https:ssh" if local else "git:http:https:ssh"
        key = f"{without_user(url)} {revision}"
        commit = revision if _COMMIT.match(revision) else self.locked.get(key, "")
        if not commit:
            doing = f"git_sources: {without_user(url)}"
            self.fetches += 1
            out = self._git(
                "/",
                doing,
                "ls-remote",
                "--",
                url,
                f"refs/heads/{revision}",
                f"refs/tags/{revision}",
                f"refs/tags/{revision}^{{}}",
                revision,
            )
            found = dict(reversed(line.split("\t", 1)) for line in out.splitlines() if "\t" in line)
            names = (f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}", f"refs/heads/{revision}", revision)
            commit = next((found[name] for name in names if name in found), "")
            if not commit:
                raise DeliveryError(f"{doing}: has no branch or tag {revision!r}; a commit must be given in full")
        self.used[key] = commit
        return commit

    @contextlib.contextmanager
    def lock(self) -> t.Iterator[None]:
        """Keeps other runs from the folder, until what was checked out has been read and delivered.

        Raises `DeliveryError` when the folder can't be used.
        """
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            descriptor = os.open(os.path.join(self.folder, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DeliveryError(f"git_folder={self.folder!r}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def checkout(self, source: t.Mapping[str, t.Any]) -> tuple[str, dict[str, t.Any]]:
        """The folder with the wanted content, and a description of what it was built from.

        `source`: one entry of the module's option `git_sources`. Raises `DeliveryError`.
        """
        url, submodules = str(source["url"]), bool(source.get("submodules", True))
        commit = self.commit_of(url, str(source["revision"]))
        merges = [
            {"url": str(one.get("url") or url), "revision": str(one["revision"]), "commit": ""}
            for one in source.get("merges") or []
        ]
        for one in merges:
            one["commit"] = self.commit_of(one["url"], one["revision"])
        about: dict[str, t.Any] = {"url": without_user(url), "revision": str(source["revision"]), "commit": commit}
        if merges:
            about["merges"] = [{**one, "url": without_user(one["url"])} for one in merges]
        wanted = json.dumps([about, submodules], sort_keys=True)
        name = (
            re.sub(r"[^A-Za-z0-9]+", "-", url.rstrip("/").rpartition("/")[2].replace(".git", "")).strip("-")
            or "repository"
        )
        # One folder for each source: a new commit downloads only what is new.
        identity = json.dumps([url, source["revision"], [[one["url"], one["revision"]] for one in merges]])
        folder = os.path.join(self.folder, f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}")
        doing = f"git_sources: {without_user(url)} at {commit[:12]}"
        if not self._complete(folder, wanted, doing):
            self._make(folder, url, commit, merges, submodules, doing)
            with open(os.path.join(folder, ".git", _MARKER), "w", encoding="utf-8") as stream:
                stream.write(f"{wanted}\n{self._git(folder, doing, 'rev-parse', 'HEAD')}\n")
        if submodules and os.path.exists(os.path.join(folder, ".gitmodules")):
            lines = self._git(folder, doing, "submodule", "status", "--recursive").splitlines()
            about["submodules"] = {line.split()[1]: line.split()[0].lstrip("+-U") for line in lines if line.strip()}
        return folder, about

    def _complete(self, folder: str, wanted: str, doing: str) -> bool:
        """Whether the checkout has exactly the wanted content."""
        try:
            with open(os.path.join(folder, ".git", _MARKER), encoding="utf-8") as stream:
                said, head = stream.read().splitlines()
        except (OSError, ValueError):
            return False
        if said != wanted or self._git(folder, doing, "rev-parse", "HEAD") != head:
            return False
        return not self._git(folder, doing, "status", "--porcelain", "--ignored", "--untracked-files=all")

    def _make(
        self, folder: str, url: str, commit: str, merges: list[dict[str, str]], submodules: bool, doing: str
    ) -> None:
        marker = os.path.join(folder, ".git", _MARKER)
        if os.path.exists(marker):
            os.unlink(marker)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        if merges:
            shutil.rmtree(folder, ignore_errors=True)
            self._aggregate(folder, url, commit, merges, doing)
        else:
            if not os.path.isdir(os.path.join(folder, ".git")):
                shutil.rmtree(folder, ignore_errors=True)
                os.makedirs(folder, mode=0o700)
                self._git(folder, doing, "init", "--quiet")
            for lock in ("index.lock", "shallow.lock", "HEAD.lock"):  # left by a killed run
                if os.path.exists(os.path.join(folder, ".git", lock)):
                    os.unlink(os.path.join(folder, ".git", lock))
            self._fetch(folder, url, commit, doing)
            self._git(folder, doing, "checkout", "--quiet", "--force", "--detach", commit)
        if submodules and os.path.exists(os.path.join(folder, ".gitmodules")):
            self.fetches += 1
            self._git(
                folder, doing, "config", "remote.origin.url", url
            )  # relative addresses of submodules are resolved against it
            self._git(folder, doing, "submodule", "--quiet", "sync", "--recursive")
            self._git(folder, doing, "submodule", "--quiet", "update", "--init", "--recursive", "--force")
            self._git(folder, doing, "submodule", "--quiet", "foreach", "--recursive", "git", "clean", "-ffdxq")
        self._git(folder, doing, "clean", "-ffdxq")

    def _fetch(self, folder: str, url: str, commit: str, doing: str) -> None:
        try:
            self._git(folder, doing, "cat-file", "-e", f"{commit}^{{commit}}")
            return
        except DeliveryError:
            self.fetches += 1
        try:
            self._git(folder, doing, "fetch", "--quiet", "--no-tags", "--depth=1", "--", url, commit)
        except DeliveryError:
            # Some servers serve only the commits that a branch or tag points to: fetch all of
            # those, which must include the commit.
            self._git(
                folder, doing, "fetch", "--quiet", "--tags", "--force", "--", url, "+refs/heads/*:refs/remotes/origin/*"
            )
            self._git(folder, f"{doing}: no such commit there", "cat-file", "-e", f"{commit}^{{commit}}")

    def _aggregate(self, folder: str, url: str, commit: str, merges: list[dict[str, str]], doing: str) -> None:
        """Merges with git-aggregator, which is run as a program because its licence is AGPL."""
        remotes = {url: "origin"}
        for one in merges:
            remotes.setdefault(one["url"], f"remote{len(remotes)}")
        config = {
            folder: {
                "remotes": {name: address for address, name in remotes.items()},
                "merges": [f"origin {commit}", *(f"{remotes[one['url']]} {one['commit']}" for one in merges)],
                "target": "origin odoo-cloud-merged",
            }
        }
        path = os.path.join(self.folder, f".{os.path.basename(folder)}.yml")
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(config, stream)
        self.fetches += len(merges) + 1
        try:
            self._run([sys.executable, "-c", "import git_aggregator.main"], self.folder, doing)
        except DeliveryError as error:
            raise DeliveryError(
                f"{doing}: merges need the Python library git-aggregator for {sys.executable}: pip install git-aggregator"
            ) from error
        try:
            program = "import sys; from git_aggregator.main import main; sys.exit(main())"
            command = [sys.executable, "-c", program, "-c", path, "aggregate"]
            self._run(
                command, self.folder, f"{doing}: merging {', '.join(one['revision'] for one in merges)}", _IDENTITY
            )
        finally:
            os.unlink(path)


# -- lock file -----------------------------------------------------------------------------------------------------------------


def read_lock(path: str) -> dict[str, str]:
    """The commits in a lock file by address and revision; empty when the file does not exist.

    Raises `DeliveryError` for a file that is no lock file.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            revisions = json.load(stream)["revisions"]
        return {str(key): str(value) for key, value in revisions.items() if _COMMIT.match(str(value))}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(f"lock_file={path!r}: can't be read: {error}; restore or delete it") from error
