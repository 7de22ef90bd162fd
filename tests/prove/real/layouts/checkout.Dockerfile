# A stand-in for a company's own image: a source checkout with addons beside it, no user odoo, a user that isn't root, nothing on the
# PATH. What stands for Odoo is the small program that the tests of the runtime have.
ARG BASE
FROM $BASE
USER 0:0
RUN set -eu; \
    sed -i '/^odoo:/d' /etc/passwd /etc/group; \
    rm -rf /opt/odoo-cloud /usr/local/bin/odoo-cloud /usr/lib/python3/dist-packages/odoo /usr/bin/odoo /etc/odoo /srv/odoo; \
    find / -xdev -name 'odoo-cloud*.pth' -delete
COPY odoo /opt/acme/src
RUN sed -i 's/"14.0"/"16.0"/' /opt/acme/src/odoo/release.py
COPY addons/oc_own /opt/acme/src/addons/oc_own
COPY addons/oc_bought /opt/acme/bought/oc_bought
RUN mkdir -p /opt/odoo; printf '[options]\naddons_path = /opt/acme/bought\n' > /opt/odoo/odoo.conf
WORKDIR /opt/acme
USER 65534
CMD ["src/odoo-bin"]
