# A stand-in for the official image: Debian's Odoo where the official package puts it too, the user odoo with uid 101, /etc/odoo,
# entrypoint.sh and the declared volumes; then what a company's own Dockerfile adds.
ARG BASE
FROM $BASE
USER 0:0
RUN set -eu; \
    sed -i 's/^odoo:x:8069:8069:/odoo:x:101:101:/' /etc/passwd; sed -i 's/^odoo:x:8069:/odoo:x:101:/' /etc/group; \
    rm -rf /opt/odoo-cloud /usr/local/bin/odoo-cloud /srv/odoo; \
    find / -xdev -name 'odoo-cloud*.pth' -delete; \
    mkdir -p /var/lib/odoo /mnt/extra-addons /etc/odoo; \
    printf '[options]\naddons_path = /mnt/extra-addons,/opt/enterprise\ndata_dir = /var/lib/odoo\n' > /etc/odoo/odoo.conf; \
    printf '#!/bin/bash\nexec "$@"\n' > /entrypoint.sh; chmod 0755 /entrypoint.sh; \
    chown -R 101:101 /var/lib/odoo /mnt/extra-addons /etc/odoo
VOLUME ["/var/lib/odoo", "/mnt/extra-addons"]
ENV ODOO_RC=/etc/odoo/odoo.conf ODOO_VERSION=19.0
EXPOSE 8069 8071 8072
USER odoo
ENTRYPOINT ["/entrypoint.sh"]
CMD ["odoo"]
COPY --chown=101:101 addons/oc_own /mnt/extra-addons/oc_own
COPY addons/oc_bought /opt/enterprise/oc_bought
