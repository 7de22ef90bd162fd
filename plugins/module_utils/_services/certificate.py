# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""Names in server certificates, and when a certificate has to be replaced. No I/O."""

from __future__ import annotations

import datetime
import ipaddress
import typing as t


def subject_alt_names(names: t.Iterable[str]) -> list[str]:
    """Host names and IP addresses as subject alternative names of a certificate (`DNS:…`, `IP:…`)."""
    result = []
    for name in names:
        try:
            result.append(f"IP:{ipaddress.ip_address(name).compressed}")
        except ValueError:
            result.append(f"DNS:{name}")
    return result


def certificate_due(
    info: t.Mapping[str, t.Any],
    names: t.Iterable[str],
    ca_info: t.Mapping[str, t.Any] | None = None,
    days: int = 30,
    now: datetime.datetime | None = None,
) -> bool:
    """Whether a server certificate has to be replaced.

    - `info`, `ca_info`: what the filter `community.crypto.x509_certificate_info` returns for the
      certificate and for the CA; without the latter the issuer is not checked.
    - `names`: host names and addresses that it must have.
    - `days`: days before its end when it is replaced. `now`: for tests.
    """
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    not_after = datetime.datetime.strptime(str(info["not_after"]), "%Y%m%d%H%M%SZ").replace(
        tzinfo=datetime.timezone.utc
    )
    if not_after - moment < datetime.timedelta(days=days):
        return True
    if sorted(str(name) for name in info.get("subject_alt_name") or []) != sorted(subject_alt_names(names)):
        return True
    return ca_info is not None and info.get("authority_key_identifier") != ca_info.get("subject_key_identifier")
