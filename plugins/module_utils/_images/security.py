# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Whether an image can get security updates, from what apt saw while the image was built, and which updates
apt has for an image now. No I/O.
"""

from __future__ import annotations

import email.utils
import re
import typing as t

from .plan import LABEL_PREFIX, content_hash

# Labels of an image; `platform`, `kind`, `version` and `inputs` are set by the tasks that build it.
LABEL_SECURITY, LABEL_EXPIRED = f"{LABEL_PREFIX}security-updates", f"{LABEL_PREFIX}release-expired"
YES, NO, UNKNOWN = "yes", "no", "unknown"
# The parts of what a container of an image prints; templates/apt.j2 writes the files.
MARK = "-- "  # before the name of a part, alone on a line: no package is called so
SOURCES, HELD, NOW = "sources", "held", "now"

# /var/lib/apt/lists/mirror.example_debian-security_dists_trixie-security_InRelease:Suite: stable-security
_FIELD = re.compile(r"^(?:.*/)?([^/]+Release):(Origin|Label|Suite|Codename|Date|Valid-Until): (.*)$")
# Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
_UPGRADE = re.compile(r"Inst (\S+) \[([^\]]*)\] \((\S+) ([^\[)]*)")


def output_of(result: t.Mapping[str, t.Any]) -> str:
    """What a container printed. `result`: of running it with `community.docker.docker_container`, or of failing to."""
    return str((result.get("container") or {}).get("Output") or "")


def parts(output: str) -> dict[str, str]:
    """The parts of what `sh -c` printed in a container of an image, by name; the text before the first one is `packages`."""
    found: dict[str, list[str]] = {"packages": []}
    name = "packages"
    for line in output.splitlines():
        if line.startswith(MARK):
            name = line[len(MARK) :].strip()
            found[name] = []
        else:
            found[name].append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def _time(text: str) -> tuple[float | None, str]:
    """A date in a Release file: seconds since 1970, and its day. None and nothing for a text that is no date."""
    try:
        found = email.utils.parsedate_to_datetime(text.replace("UTC", "GMT"))
        return found.timestamp(), f"{found:%Y-%m-%d}"
    except (TypeError, ValueError):
        return None, ""


def releases(text: str) -> list[dict[str, str]]:
    """The Release files in the output of `grep`: a dictionary of their fields for each."""
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        field = _FIELD.match(line.strip())
        if field:
            found.setdefault(field[1], {})[field[2]] = field[3]
    return [found[name] for name in sorted(found)]


def expired(known: t.Sequence[t.Mapping[str, str]], stamp: str) -> list[str]:
    """The releases whose files had expired, with the day until which they were valid.

    `stamp`: when they were read, seconds since 1970; without it none counts as expired.
    """
    if not stamp.isdigit():
        return []
    now, lines = float(stamp), []
    for release in known:
        until, day = _time(release.get("Valid-Until", ""))
        if until is not None and until < now:
            lines.append(f"{release.get('Codename', '?')} {day}")
    return sorted(set(lines))


def _is_security(release: t.Mapping[str, str]) -> bool:
    return "security" in f"{release.get('Label', '')} {release.get('Suite', '')} {release.get('Codename', '')}".lower()


def facts(output: str) -> dict[str, t.Any]:
    """Whether an image gets security updates (`security_updates`: yes, no or unknown; `reason`) and which releases
    had expired when it was built (`release_expired`).

    `output`: what a container of the image printed, with the parts `sources`, `held` and `now`.
    """
    found = parts(output)
    known = releases(found.get(SOURCES, ""))
    held = " ".join(found.get(HELD, "").split())
    gone = expired(known, found.get(NOW, "").strip())
    result = {"security_updates": YES, "reason": "", "release_expired": gone}
    if not known:
        return {**result, "security_updates": UNKNOWN, "reason": "it was built without apt"}
    stale = [
        one for one in gone if one.split()[0] in {release.get("Codename") for release in known if _is_security(release)}
    ]
    if held:
        reason = held
    elif stale:
        reason = (
            f"the mirror's security archive is frozen: {stale[0].split()[0]} was valid until {stale[0].split()[-1]}"
        )
    elif not any(_is_security(release) for release in known):
        reason = "its package sources have no security archive"
    else:
        return result
    return {**result, "security_updates": NO, "reason": reason}


def image_facts(results: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, dict[str, t.Any]]:
    """The facts of each image by its name.

    `results`: those of running the program in each image, in a loop with the loop variable `image_item`.
    """
    return {result["image_item"]["name"]: facts(output_of(result)) for result in results if result.get("image_item")}


def labels(about: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The labels with which an image says this itself. `about`: of `facts`."""
    reason = f": {about['reason']}" if about["reason"] else ""
    return {LABEL_SECURITY: about["security_updates"] + reason, LABEL_EXPIRED: ", ".join(about["release_expired"])}


def of_labels(given: t.Mapping[str, str] | None) -> dict[str, t.Any]:
    """The facts of an image from its labels; the opposite of `labels`."""
    text = (given or {}).get(LABEL_SECURITY, "")
    verdict, dummy, reason = text.partition(": ")
    if verdict not in (YES, NO, UNKNOWN):
        verdict, reason = UNKNOWN, "it was built before this was recorded"
    gone = (given or {}).get(LABEL_EXPIRED, "")
    return {"security_updates": verdict, "reason": reason, "release_expired": gone.split(", ") if gone else []}


def report(found: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """One line for all images that get no security updates for the same reason, and one for those with expired releases.

    `found`: image name to its facts.
    """
    lines: dict[str, list[str]] = {}
    for name in sorted(found):
        about = found[name]
        if about["release_expired"]:
            text = f"Release files had expired ({', '.join(about['release_expired'])}); the image was built without this check"
            lines.setdefault(text, []).append(name)
        if about["security_updates"] == NO:
            lines.setdefault(f"gets NO SECURITY UPDATES: {about['reason']}", []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in lines.items()]


def pending(output: str) -> list[dict[str, t.Any]]:
    """The packages that `apt-get --simulate dist-upgrade` would upgrade: `name`, `have`, `want`, and whether it is a
    security update (`security`).
    """
    found = {}
    for line in output.splitlines():
        match = _UPGRADE.match(line.strip())
        if match:
            found[match[1]] = {
                "name": match[1],
                "have": match[2],
                "want": match[3],
                "security": "security" in match[4].lower(),
            }
    return [found[name] for name in sorted(found)]


def look(output: str, error: str, image_id: str, now: str, before: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """The record of a look for updates of an image.

    - `output`: what a container of the image printed: that of apt, with the part `sources` and `now`.
    - `error`: why apt could not be asked; empty when it could.
    - `now`: the time as text (ISO 8601, UTC). `before`: the record of the look before, if there is one.

    Each update keeps the time of the look that found the package's update first (`since`), as long as
    the image is the same. A failed look keeps what was found before.
    """
    last = before if before and before.get("id") == image_id else {}
    if error:
        return {"id": image_id, "looked_at": last.get("looked_at", ""), "failed_at": now, "error": error,
                "pending": last.get("pending", []), "release_expired": last.get("release_expired", [])}  # fmt: skip
    since = {one["name"]: one["since"] for one in last.get("pending", [])}
    found = parts(output)
    updates = [{**one, "since": since.get(one["name"], now)} for one in pending(found["packages"])]
    gone = expired(releases(found.get(SOURCES, "")), found.get(NOW, "").strip())
    return {"id": image_id, "looked_at": now, "failed_at": "", "error": "", "pending": updates, "release_expired": gone}


def looks(
    results: t.Sequence[t.Mapping[str, t.Any]], before: t.Mapping[str, t.Any], now: str
) -> dict[str, dict[str, t.Any]]:
    """The records of a look into each image, by image name; see `look`.

    `results`: those of running the program in each image, in a loop over items with the image's name (`key`) and ID
    (`value`) and the loop variable `image_item`. `before`: the records of the look before.
    """
    found = {}
    for result in results:
        item = result["image_item"]
        output = output_of(result)
        said = [line.strip() for line in (output or str(result.get("msg") or "")).splitlines() if line.strip()]
        # The time is printed last, so without it something before failed.
        done = parts(output).get(NOW, "").strip().isdigit()
        error = "" if done else said[-1] if said else "no reason given"
        found[item["key"]] = look(output, error, item["value"], now, before.get(item["key"]))
    return found


def look_errors(found: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """A line for each error of a look, with the images that it happened with. `found`: of `looks`."""
    images: dict[str, list[str]] = {}
    for name in sorted(found):
        if found[name]["error"]:
            images.setdefault(found[name]["error"], []).append(name)
    return [f"{', '.join(names)}: apt could not be asked: {error}" for error, names in images.items()]


def updates(results: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The newer packages that Debian has, `packages`, and their `digest`, empty without any.

    `results`: as for `looks`.
    """
    found = {f"{one['name']} {one['want']}" for result in results for one in pending(output_of(result))}
    return {"packages": sorted(found), "digest": content_hash(sorted(found)) if found else ""}


def _day(text: str) -> str:
    return text[:16].replace("T", " ")


def updates_line(about: t.Mapping[str, t.Any] | None) -> str:
    """A look in a few words. `about`: of `look`, None when nobody has looked into this image."""
    if not about or not (about["looked_at"] or about["error"]):
        return "nobody looked for updates yet (playbook image_updates)"
    found = about["pending"]
    words = []
    if about["looked_at"]:
        number = f"{len(found)} update{'' if len(found) == 1 else 's'} pending"
        safety = sum(1 for one in found if one["security"])
        since = f", since {_day(min(one['since'] for one in found))}" if found else ""
        words.append(
            f"{number}{f' ({safety} for security)' if safety else ''}{since}, last looked {_day(about['looked_at'])}"
        )
        if about["release_expired"]:
            words.append(f"the mirror is frozen: {', '.join(about['release_expired'])}")
    if about["error"]:
        words.append(f"THE LAST LOOK FAILED {_day(about['failed_at'])}: {about['error']}")
    return "; ".join(words)


def lines(images: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    """What `status` shows of each image. `images`: as the module `image_info` returns them."""
    found = []
    for one in images:
        verdict = one["security_updates"]
        reason = f" ({one['reason']})" if one["reason"] else ""
        safe = {YES: "gets security updates", NO: "gets NO SECURITY UPDATES"}.get(verdict, "security updates not known")
        found.append(f"{one['name']}: built {_day(one['built_at'])}, {safe}{reason}; {updates_line(one['updates'])}")
        if verdict != NO and one["release_expired"]:
            found.append(f"  built without the check of expired Release files: {', '.join(one['release_expired'])}")
        found.append(f"  SBOM {one['sbom']}" if one["sbom"] else "  no SBOM (playbook sbom)")
    return found
