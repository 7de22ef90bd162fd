#!/bin/bash
# tools/postgres.sh: the programs of PostgreSQL and PgBouncer for tests/runtime, which starts servers of its own from them. Nothing is
# started here, and no cluster is made.
set -euo pipefail
here=$(dirname "$0")
packages=()
# Debian's is enough when there is no other one (see tests/runtime/conftest.py for where it looks).
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || packages+=(postgresql)
command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || packages+=(pgbouncer)
[ ${#packages[@]} -gt 0 ] || exit 0
made=()
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    trap 'rm -f "${made[@]}"' EXIT
    # Read by the package postgresql: no cluster "main".
    mkdir -p /etc/postgresql-common/createcluster.d
    made+=(/etc/postgresql-common/createcluster.d/odoo-cloud.conf)
    echo 'create_main_cluster = false' >"${made[-1]}"
    # Asked by every package that would start its service.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        made+=(/usr/sbin/policy-rc.d)
        printf '#!/bin/sh\nexit 101\n' >"${made[-1]}"
        chmod 755 "${made[-1]}"
    fi
fi
"$here"/apt.sh "${packages[@]}"
# Nor at the machine's next start; `postgresql` starts clusters only, and there is none.
if [[ " ${packages[*]} " == *" pgbouncer "* ]] && command -v systemctl >/dev/null; then
    systemctl --quiet disable pgbouncer 2>/dev/null || true
fi
