# Runs in an Odoo image and tells, as JSON, which addons and Python packages it brings itself, and what markers of requirements mean in it.
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys

place = importlib.util.find_spec("odoo").submodule_search_locations[0]
addons = set()
own = []
if os.path.isfile("/opt/odoo-cloud/image.json"):
    with open("/opt/odoo-cloud/image.json", encoding="utf-8") as stream:
        own = json.load(stream)["addons"]
for folder in (os.path.join(place, "addons"), os.path.join(os.path.dirname(place), "addons"), *own):
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if os.path.isfile(os.path.join(folder, name, "__manifest__.py")):
            addons.add(name)
packages = {}
for one in importlib.metadata.distributions():
    name, version = one.metadata["Name"], str(one.version)
    if name and name.lower() != "odoo" and re.match(r"\d[0-9A-Za-z.+!-]*$", version):
        packages.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
markers = {
    "implementation_name": sys.implementation.name,
    "implementation_version": platform.python_version(),
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": platform.python_version(),
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
}
print(json.dumps({"addons": sorted(addons), "packages": packages, "markers": markers}))
