# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Songs for anthem: `anthem odoo.addons.cloud_platform.songs::install`, also under the path
openerp.addons."""


def install(ctx):
    """Set up the platform of the installed provider."""
    ctx.env["cloud.platform"].install()


def install_exoscale(ctx):
    """Set up a platform with S3."""
    ctx.env["cloud.platform"].install_exoscale()


def install_ovh(ctx):
    """Set up a platform with Swift."""
    ctx.env["cloud.platform"].install_ovh()
