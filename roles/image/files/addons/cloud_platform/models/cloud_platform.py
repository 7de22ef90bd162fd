# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import logging
import os

from odoo import api, models
from odoo.addons.odoo_cloud_compat import settings
from odoo_cloud_runtime.rules import environment as rules

_logger = logging.getLogger(__name__)


class CloudPlatform(models.AbstractModel):
    """The rules are in the runtime, which checks them before Odoo starts, as Ansible does before
    that."""

    _name = "cloud.platform"
    _description = "Cloud platform"

    @api.model
    def _platform_kinds(self):
        """The kinds of platform that are installed; a provider's addon adds its own."""
        return []

    @api.model
    def _environment(self):
        return settings.running_env()

    @api.model
    def _parameter(self, name):
        return self.env["ir.config_parameter"].sudo().get_param(name) or ""

    @api.model
    def _problems(self):
        return rules.problems(
            self._parameter("cloud.platform.kind"),
            self._environment(),
            self._parameter("ir_attachment.location"),
            os.environ,
            settings.text("ODOO_CLOUD_PROJECT"),
            self.env.cr.dbname,
        )

    @api.model
    def install(self, platform_kind=None):
        """Set up this database for the platform, and move its attachments to where they belong.

        `platform_kind` is needed only if several providers' addons are installed. Raises
        `CloudPlatformError` if the set-up breaks the rules.
        """
        kinds = self._platform_kinds()
        if platform_kind is None:
            wanted = settings.text("ODOO_CLOUD_PLATFORM_KIND")
            platform_kind = wanted if wanted in kinds else kinds[0] if len(kinds) == 1 else None
        if platform_kind not in kinds:
            problem = (
                f"cloud.platform.install({platform_kind!r}): must be one of the installed kinds, {', '.join(kinds)}"
                if kinds
                else "cloud.platform.install(): install the addon of a provider first, such as cloud_platform_exoscale"
            )
            raise rules.CloudPlatformError([problem])
        environment = self._environment()
        if not rules.group(environment):
            raise rules.CloudPlatformError([f"RUNNING_ENV is {environment!r}: {rules.ENVIRONMENT_RULE}"])
        location = rules.location_for(platform_kind, environment)
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("cloud.platform.kind", platform_kind)
        parameters.set_param("ir_attachment.location", location)
        self.check()
        self.env["ir.attachment"].sudo().force_storage()
        _logger.info("Cloud platform %s is set up for %s: attachments in %s", platform_kind, environment, location)
        return True

    @api.model
    def _set_up(self, platform_kind):
        """Sets the parameters of install(), if the environment names this kind of platform. A
        database without that variable is left alone. Files are moved at the end of the update that
        this is part of."""
        environment = self._environment()
        if settings.text("ODOO_CLOUD_PLATFORM_KIND") != platform_kind or not rules.group(environment):
            return
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("cloud.platform.kind", platform_kind)
        parameters.set_param("ir_attachment.location", rules.location_for(platform_kind, environment))

    @api.model
    def check(self):
        """Raise `CloudPlatformError` if this database must not be served with this set-up."""
        if rules.unsafe(os.environ):
            _logger.warning("ODOO_CLOUD_PLATFORM_UNSAFE is on: nothing of the platform is checked")
            return
        if not self._parameter("cloud.platform.kind"):
            _logger.warning("The cloud platform is not set up: call env['cloud.platform'].install() once")
            if not self._environment():
                return
        problems = self._problems()
        if problems:
            raise rules.CloudPlatformError(problems)

    def _register_hook(self):
        """Called when the registry is loaded; an error means that the database isn't served."""
        result = super()._register_hook()
        self.env["cloud.platform"].sudo().check()
        return result
