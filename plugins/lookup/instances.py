# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: instances
short_description: The Odoo instances of the inventory, with their replicas, settings and secrets
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - An instance is a group of replicas, below an environment group (C(prod), C(integration),
    C(labs_*), C(test), C(dev)), which is below the group C(odoo). Its settings are the variables
    C(odoo_*) of the role P(odoo_cloud.platform.odoo#role).
  - Settings that an instance does not give have their defaults; passwords that are not given are
    generated once, see the lookup P(odoo_cloud.platform.secret#lookup).
  - Every problem of the inventory is reported with the variable, its value and the correct form.
  - The result contains secrets. Pass single values of it to options that are declared C(no_log);
    never loop over it.
options:
  _terms:
    description: Names of the instances. Without a name, all instances.
    required: false
    type: list
    elements: string
  machine:
    description:
      Only instances that have a replica on this inventory host are returned. Without it, those on
      all machines.
    type: string
  problems:
    description:
      Whether the problems of the inventory are returned, one line each, instead of failing. The
      list is empty when there are none.
    type: boolean
    default: false
"""

EXAMPLES = r"""
- name: The names of all databases
  ansible.builtin.debug:
    msg: "{{ query('odoo_cloud.platform.instances') | map(attribute='database.name') }}"
"""

RETURN = r"""
_list:
  description:
    - One dictionary for each instance, sorted by name.
  type: list
  elements: dict
  contains:
    name:
      description:
        - Name of the instance.
        - From C(odoo_instance); its group in the inventory; the variable chooses among several.
      type: str
    environment:
      description:
        - 'Environment: prod, integration, test, dev, or labs with a suffix.'
        - It is the environment group above the instance's group, with hyphens for underscores.
      type: str
    project:
      description:
        - Short name of the customer or project.
        - From C(odoo_project); the name without its environment unless it is given.
      type: str
    version:
      description:
        - Odoo version, such as 19.
        - From C(odoo_version).
      type: str
    replicas:
      description:
        - The containers that serve the instance.
        - It is made of the hosts of its group.
      type: list
      elements: dict
      contains:
        name:
          description:
            - Name of the replica, and of its container after the platform's name.
            - It is the inventory host.
          type: str
        machine:
          description:
            - Inventory host of the machine that it runs on.
            - It is the member of docker_hosts that has the replica's ansible_host as its name or address.
          type: str
    machine:
      description:
        - Inventory host of the machine that it runs on; none without a replica.
        - It is that of the first replica.
      type: str
    hostnames:
      description:
        - Host names of the site; the first one is the main one.
        - From C(odoo_hostnames); <name>.localhost unless they are given.
      type: list
      elements: str
    base_url:
      description:
        - Address of the site.
        - From C(odoo_hostnames), C(odoo_cloud_https_port); https, the main host name, and the port unless it is 443.
      type: str
    image:
      description:
        - The image of its containers, without custom code.
      type: dict
      contains:
        name:
          description:
            - Name of the image.
            - From C(odoo_version), C(odoo_image), C(odoo_python); odoo-<version>, with a hash when an image or a Python is given.
          type: str
        kind:
          description:
            - Kind of the image.
            - It is always odoo.
          type: str
        version:
          description:
            - Odoo version.
            - From C(odoo_version).
          type: str
        ref:
          description:
            - Image that it is built from; empty for the platform's of that version.
            - From C(odoo_image).
          type: str
        python:
          description:
            - Version of Python in that image; empty for the usual one.
            - From C(odoo_python).
          type: str
    database:
      description:
        - Its database.
      type: dict
      contains:
        name:
          description:
            - Name of the database.
            - From C(odoo_db_name); the instance's name unless it is given.
          type: str
        owner:
          description:
            - Role of PostgreSQL that owns the database.
            - From C(odoo_db_user); the database's name unless it is given.
          type: str
        password:
          description:
            - Password of the owner.
            - From C(odoo_db_password); generated once unless it is given.
            - Secret.
          type: str
        keeper:
          description:
            - Role of PostgreSQL that creates restore points and copies for rehearsals.
            - It is <database>_keeper, cut to the 63 characters that PostgreSQL keeps.
          type: str
        keeper_password:
          description:
            - Password of that role.
            - It is generated once.
            - Secret.
          type: str
        lock:
          description:
            - Database in which the lock of the instance is taken; only its own roles can connect to it.
            - It is <database>--lock, cut to the 63 characters that PostgreSQL keeps.
          type: str
        connections:
          description:
            - How many connections its role may have at once; none to compute it from the workers.
            - In connections.
            - From C(odoo_db_connections).
          type: int
    owner_login:
      description:
        - How to connect to the database as its owner.
      type: dict
      contains:
        database:
          description:
            - Name of the database.
            - It is C(database.name).
          type: str
        user:
          description:
            - Role that owns it.
            - It is C(database.owner).
          type: str
        password:
          description:
            - Password of that role.
            - It is C(database.password).
            - Secret.
          type: str
    redis:
      description:
        - Its user of Redis.
      type: dict
      contains:
        name:
          description:
            - Name of the user.
            - It is C(database.name).
          type: str
        prefix:
          description:
            - What the keys of the instance begin with, which are the only ones that the user may touch.
            - It is <project>-odoo-<environment>.
          type: str
        password:
          description:
            - Password of the user.
            - From C(odoo_redis_password); generated once unless it is given.
            - Secret.
          type: str
        instance:
          description:
            - Name of the instance.
            - It is C(name).
          type: str
        host:
          description:
            - Name of its own server on the network.
            - It is <name>.redis.
          type: str
        port:
          description:
            - Published port of its own server, for Odoo on another machine.
            - From C(odoo_redis_port); a number from 20000 to 29999 that follows from the instance's name unless it is given.
          type: int
        memory:
          description:
            - Memory for the data of its own server.
            - In bytes.
            - From C(odoo_redis_memory).
          type: int
    bucket:
      description:
        - Its bucket, for attachments.
      type: dict
      contains:
        name:
          description:
            - Name of the bucket.
            - From C(odoo_bucket); <project>-odoo-<environment> unless it is given.
          type: str
        access_key:
          description:
            - Access key.
            - From C(odoo_s3_access_key); the instance's account of the local object storage unless it is given.
          type: str
        secret_key:
          description:
            - Secret of the access key.
            - From C(odoo_s3_secret_key); generated once unless it is given.
            - Secret.
          type: str
    code:
      description:
        - Its custom code; none when it has none.
      type: dict
      contains:
        bucket:
          description:
            - Bucket of the releases.
            - From C(odoo_release_bucket); the name of the instance's bucket with -code unless it is given.
          type: str
        own_bucket:
          description:
            - That bucket with its keys, when the platform has to create it.
            - It is none when odoo_release_bucket is given, which has to exist.
          type: dict
          contains:
            name:
              description:
                - Name of the bucket.
                - From C(odoo_bucket); <project>-odoo-<environment> unless it is given.
              type: str
            access_key:
              description:
                - Access key.
                - From C(odoo_s3_access_key); the instance's account of the local object storage unless it is given.
              type: str
            secret_key:
              description:
                - Secret of the access key.
                - From C(odoo_s3_secret_key); generated once unless it is given.
                - Secret.
              type: str
        account:
          description:
            - The account of that bucket, whose key no container of Odoo has.
            - From C(odoo_release_access_key), C(odoo_release_secret_key), C(odoo_release_endpoint); none with these or elsewhere.
          type: dict
          contains:
            account:
              description:
                - Name of the account.
                - It is C(name), with -code when it is that of the releases.
              type: str
            user:
              description:
                - User of the account.
                - It is always odoo.
              type: str
            key:
              description:
                - Key of the user.
                - It is C(bucket.secret_key), or C(code.secret_key) of the releases' account.
                - Secret.
              type: str
            quota:
              description:
                - How much the account may hold; 0 for no limit, none to leave it as it is.
                - In bytes.
                - From C(odoo_attachments_quota).
              type: int
        protected:
          description:
            - Whether the containers of the instance hold no key of the bucket, so that an intruder there can't deliver code.
            - From C(odoo_release_bucket), C(odoo_release_secret_key); false when the bucket has the keys of the instance's own one.
          type: bool
        prefix:
          description:
            - What the keys of the releases begin with; may be empty.
            - From C(odoo_release_prefix).
          type: str
        channel:
          description:
            - Object that names the release to use.
            - From C(odoo_release_channel); the instance's name unless it is given.
          type: str
        endpoint:
          description:
            - Address of the bucket's store; empty for AWS or the platform's own.
            - From C(odoo_release_endpoint).
          type: str
        region:
          description:
            - Region of the bucket; may be empty.
            - From C(odoo_release_region).
          type: str
        access_key:
          description:
            - Access key of the bucket; empty for what boto finds by itself.
            - From C(odoo_release_access_key); that of C(own_bucket) unless one of the two is given.
          type: str
        secret_key:
          description:
            - Secret of that access key.
            - From C(odoo_release_secret_key); that of C(own_bucket) unless one of the two is given.
            - Secret.
          type: str
        release:
          description:
            - The one release to use; empty for the one that the channel names.
            - From C(odoo_release).
          type: str
        keep_releases:
          description:
            - How many releases stay on the machine.
            - In releases.
            - From C(odoo_keep_releases).
          type: int
        sources:
          description:
            - Where the code is on the controller; empty when it is delivered elsewhere.
          type: dict
          contains:
            odoo_custom_modules_paths:
              description:
                - Folders with addons.
                - From C(odoo_custom_modules_paths).
              type: list
              elements: str
            odoo_python_dependencies_paths:
              description:
                - Folders with Python packages.
                - From C(odoo_python_dependencies_paths).
              type: list
              elements: str
            git_sources:
              description:
                - Git repositories, as the module odoo_addons_sync takes them; their addresses may hold a token.
                - From C(odoo_git_sources).
                - Secret.
              type: list
              elements: dict
            python_requirements_file:
              description:
                - File with requirements of Python.
                - From C(odoo_python_requirements_file).
              type: str
            system_packages_file:
              description:
                - File with names of Debian packages.
                - From C(odoo_system_packages_file).
              type: str
        lock_file:
          description:
            - File on the controller that records what was delivered; may be empty.
            - From C(odoo_code_lock_file).
          type: str
    drain_timeout:
      description:
        - How long requests may take to end before a replica is replaced.
        - In seconds.
        - From C(odoo_drain_timeout).
      type: int
    storage_account:
      description:
        - Its account of the local object storage.
      type: dict
      contains:
        account:
          description:
            - Name of the account.
            - It is C(name), with -code when it is that of the releases.
          type: str
        user:
          description:
            - User of the account.
            - It is always odoo.
          type: str
        key:
          description:
            - Key of the user.
            - It is C(bucket.secret_key), or C(code.secret_key) of the releases' account.
            - Secret.
          type: str
        quota:
          description:
            - How much the account may hold; 0 for no limit, none to leave it as it is.
            - In bytes.
            - From C(odoo_attachments_quota).
          type: int
    admin_login:
      description:
        - Login of Odoo's administrator.
        - From C(odoo_admin_login).
      type: str
    admin_password:
      description:
        - Password that the administrator gets when the database is initialised.
        - From C(odoo_admin_password); generated once unless it is given.
        - Secret.
      type: str
    master_password:
      description:
        - Password of Odoo's database manager.
        - From C(odoo_master_password); generated once unless it is given.
        - Secret.
      type: str
    modules:
      description:
        - Modules that are installed.
        - From C(odoo_modules); with C(stateless.addons).
      type: list
      elements: str
    server_wide_modules:
      description:
        - Modules that every process loads besides Odoo's own.
        - From C(odoo_server_wide_modules); with C(stateless.server_wide).
      type: list
      elements: str
    stateless:
      description:
        - What makes its replicas disposable, and what is logged and measured.
      type: dict
      contains:
        enabled:
          description:
            - Whether replicas keep nothing on a disk of their own.
            - From C(odoo_stateless).
          type: bool
        kind:
          description:
            - Kind of the store, exoscale (S3) or ovh (Swift); empty when replicas are not stateless.
            - From C(odoo_platform_kind).
          type: str
        addons:
          description:
            - Modules that are installed for this.
            - From C(odoo_stateless), C(odoo_platform_kind), C(odoo_log_requests).
          type: list
          elements: str
        server_wide:
          description:
            - Modules that every process loads for this.
            - From C(odoo_stateless), C(odoo_logging_json), C(odoo_metrics).
          type: list
          elements: str
        json:
          description:
            - Whether JSON is logged although replicas may not be stateless.
            - From C(odoo_logging_json).
          type: bool
        metrics_token:
          description:
            - Token that reads /metrics; empty when everybody may.
            - From C(odoo_metrics_token); empty unless C(odoo_metrics) is true.
            - Secret.
          type: str
        s3:
          description:
            - The store of kind exoscale.
          type: dict
          contains:
            endpoint:
              description:
                - Address; none for the platform's store.
                - From C(odoo_s3_endpoint).
              type: str
            region:
              description:
                - Region; none for the store's default.
                - From C(odoo_s3_region).
              type: str
        swift:
          description:
            - The store of kind ovh.
          type: dict
          contains:
            auth_url:
              description:
                - Address of Keystone or TempAuth; none for the platform's store.
                - From C(odoo_swift_auth_url).
              type: str
            account:
              description:
                - User.
                - From C(odoo_swift_account); the instance's account of the local object storage unless it is given.
              type: str
            password:
              description:
                - Password of the user.
                - From C(odoo_swift_password); C(bucket.secret_key) unless it is given.
                - Secret.
              type: str
            project:
              description:
                - Project of Keystone.
                - From C(odoo_swift_project).
              type: str
            region:
              description:
                - Region of Keystone.
                - From C(odoo_swift_region).
              type: str
        expiration:
          description:
            - How long a session lives unused; none for the addon's default, a week.
            - In seconds.
            - From C(odoo_session_expiration); a day in the environment test unless it is given.
          type: int
        expiration_anonymous:
          description:
            - The same without a login; none for the addon's default, 1 hour.
            - In seconds.
            - From C(odoo_session_expiration_anonymous).
          type: int
        direct_bytes:
          description:
            - Size from which attachments go from the store to nginx and not through Odoo; 0 for never.
            - In bytes.
            - From C(odoo_direct_download_bytes).
          type: int
        statsd:
          description:
            - Where times of requests are sent to.
          type: dict
          contains:
            host:
              description:
                - Host; none for nowhere.
                - From C(odoo_statsd_host).
              type: str
            port:
              description:
                - UDP port.
                - From C(odoo_statsd_port).
              type: int
        env:
          description:
            - More environment variables of the containers; they win over the computed ones.
            - From C(odoo_env).
          type: dict
    language:
      description:
        - Language that the first start loads; none for English.
        - From C(odoo_language).
      type: str
    mode:
      description:
        - 'Mode of the replicas: RunOnly, InstallAndRun or UpdateAndRun.'
        - From C(odoo_mode).
      type: str
    update_modules:
      description:
        - 'What an update updates: changed, all, none, or names of modules with commas.'
        - From C(odoo_update).
      type: str
    update_live:
      description:
        - Whether replicas go on serving while modules change.
        - From C(odoo_update_live).
      type: bool
    hooks_dir:
      description:
        - Folder on the machine with hooks; empty for those in the image.
        - From C(odoo_hooks_dir).
      type: str
    hooks:
      description:
        - 'When hooks run after an update: changed or always.'
        - From C(odoo_hooks).
      type: str
    workers:
      description:
        - HTTP workers of a replica; none to compute them from the machine.
        - In processes.
        - From C(odoo_workers).
      type: int
    max_cron_threads:
      description:
        - Cron workers of a replica.
        - In processes.
        - From C(odoo_max_cron_threads).
      type: int
    limit_memory_soft:
      description:
        - Memory from which a worker ends after its request; none to compute it from the machine.
        - In bytes.
        - From C(odoo_limit_memory_soft).
      type: int
    limit_memory_hard:
      description:
        - Memory that a worker can't exceed; none to compute it from the machine.
        - In bytes.
        - From C(odoo_limit_memory_hard).
      type: int
    limits:
      description:
        - What its containers may take of their machine.
      type: dict
      contains:
        memory:
          description:
            - Memory of a replica; none to compute it from the machine.
            - In bytes.
            - From C(odoo_memory).
          type: int
        run_memory:
          description:
            - Memory of a one-off container; none for all that is left for Odoo on the machine.
            - In bytes.
            - From C(odoo_run_memory).
          type: int
        pids:
          description:
            - Processes and threads of a container; none to compute them from the workers.
            - In processes.
            - From C(odoo_pids).
          type: int
        cpu_shares:
          description:
            - Weight of the instance when processors are busy, which its replicas share; none for 1024.
            - In shares.
            - From C(odoo_cpu_shares).
          type: int
    report_engine:
      description:
        - What prints its reports, chromium (the platform's report service) or wkhtmltopdf (the program of its image).
        - From C(odoo_report_engine); chromium with images from Debian's archive, wkhtmltopdf with official images, unless it is given.
      type: str
    limit_time_cpu:
      description:
        - Processor time that a request may take.
        - In seconds.
        - From C(odoo_limit_time_cpu).
      type: int
    limit_time_real:
      description:
        - Time that a request may take.
        - In seconds.
        - From C(odoo_limit_time_real).
      type: int
    addons_path:
      description:
        - More folders with addons inside the image.
        - From C(odoo_addons_path).
      type: list
      elements: str
    addons_dirs:
      description:
        - Folders with addons on the machine, mounted into the containers.
        - From C(odoo_addons_dirs).
      type: list
      elements: dict
      contains:
        source:
          description:
            - The folder on the machine.
            - From C(odoo_addons_dirs).
          type: str
        target:
          description:
            - The folder in the containers.
            - It is /mnt/addons/<number>, counted from 1.
          type: str
    project_dir:
      description:
        - Folder on the machine with songs, data and the migration file; empty for none.
        - From C(odoo_project_dir).
      type: str
    migration:
      description:
        - Its migration file and how it is run.
      type: dict
      contains:
        file:
          description:
            - Migration file or folder in the containers; empty for none.
            - From C(odoo_migration_file); a relative path is put below the project's folder.
          type: str
        mode:
          description:
            - Mode of the file; may be empty.
            - From C(odoo_migration_mode).
          type: str
        allow_serie:
          description:
            - Whether several versions are done in one run.
            - From C(odoo_migration_allow_serie).
          type: bool
        force_version:
          description:
            - The version that is run alone, whatever was done; may be empty.
            - From C(odoo_migration_force_version).
          type: str
        next:
          description:
            - Number of the version in the folder next; may be empty.
            - From C(odoo_migration_next).
          type: str
    standing:
      description:
        - What the inventory says about updates, without what C(-e) says for one run; kept on the machine.
      type: dict
      contains:
        update_modules:
          description:
            - As C(update_modules).
            - From C(odoo_update).
          type: str
        migration_mode:
          description:
            - As C(migration.mode).
            - From C(odoo_migration_mode).
          type: str
        allow_serie:
          description:
            - As C(migration.allow_serie).
            - From C(odoo_migration_allow_serie).
          type: bool
    on_failure:
      description:
        - 'What a failed update does: rollback or hold.'
        - From C(odoo_on_failure); rollback in prod unless odoo_restore_point is none, hold elsewhere, unless it is given.
      type: str
    restore_point:
      description:
        - 'What is kept before an update changes anything: clone, dump, auto or none.'
        - From C(odoo_restore_point); auto in prod and when on_failure is rollback, none elsewhere, unless it is given.
      type: str
    conf:
      description:
        - More options of odoo.conf; they win over the computed ones.
        - From C(odoo_conf).
      type: dict
    max_upload:
      description:
        - Largest upload, a size as nginx takes it.
        - From C(odoo_max_upload).
      type: str
    egress:
      description:
        - 'What its containers may reach outside the platform: open, listed or none.'
        - From C(odoo_egress).
      type: str
    egress_allowed:
      description:
        - What they may reach when it is listed.
        - From C(odoo_egress_allowed).
      type: list
      elements: str
    mail:
      description:
        - How mail leaves and comes in.
      type: dict
      contains:
        caught:
          description:
            - Whether all mail goes to the instance's own catcher and none to people.
            - From C(odoo_mail); true in every environment but prod unless it is given.
          type: bool
        server:
          description:
            - Host of the mail server; empty for none.
            - From C(odoo_smtp_server).
          type: str
        port:
          description:
            - TCP port of the mail server.
            - From C(odoo_smtp_port); 587 with starttls, 465 with tls, 25 with none, unless it is given.
          type: int
        tls:
          description:
            - 'How the connection is encrypted: starttls, tls or none.'
            - From C(odoo_smtp_tls).
          type: str
        verify:
          description:
            - Whether the server's certificate is checked.
            - From C(odoo_smtp_verify).
          type: bool
        user:
          description:
            - User of the mail server; empty for none.
            - From C(odoo_smtp_user).
          type: str
        password:
          description:
            - Password of that user.
            - From C(odoo_smtp_password).
            - Secret.
          type: str
        sender:
          description:
            - Sender of mail that has no other one; may be empty.
            - From C(odoo_smtp_from).
          type: str
        from_filter:
          description:
            - Addresses and domains that the server may send from; empty for all.
            - From C(odoo_smtp_from_filter).
          type: str
        domain:
          description:
            - Domain at which answers arrive; empty for none.
            - From C(odoo_mail_domain).
          type: str
        catchall:
          description:
            - Name before the @ to which answers go.
            - From C(odoo_mail_catchall).
          type: str
        bounce:
          description:
            - Name before the @ to which undeliverable mail returns.
            - From C(odoo_mail_bounce).
          type: str
        default_from:
          description:
            - Name before the @, or address, from which mail is sent that may not have its author's.
            - From C(odoo_mail_default_from).
          type: str
        hostname:
          description:
            - Host name of the catcher's page; empty without a catcher.
            - From C(odoo_mail_hostname); mail. before the main host name unless it is given.
          type: str
        page_password:
          description:
            - Password of the user mail of the catcher's page; empty without a catcher.
            - From C(odoo_mail_page_password); generated once unless it is given.
            - Secret.
          type: str
        incoming:
          description:
            - The mailbox that is fetched.
          type: dict
          contains:
            server:
              description:
                - Host of the mailbox; empty for none.
                - From C(odoo_incoming_server).
              type: str
            port:
              description:
                - TCP port.
                - From C(odoo_incoming_port); 993 or 143 for imap, 995 or 110 for pop, with and without TLS, unless it is given.
              type: int
            protocol:
              description:
                - Protocol, imap or pop.
                - From C(odoo_incoming_protocol).
              type: str
            tls:
              description:
                - Whether the connection is encrypted from its beginning.
                - From C(odoo_incoming_tls).
              type: bool
            user:
              description:
                - User of the mailbox.
                - From C(odoo_incoming_user).
              type: str
            password:
              description:
                - Password of the mailbox.
                - From C(odoo_incoming_password).
                - Secret.
              type: str
    db_wait_timeout:
      description:
        - How long a starting replica waits for PostgreSQL.
        - In seconds.
        - From C(odoo_db_wait_timeout).
      type: int
    timeout:
      description:
        - How long a replica waits for a database that is not open and that no run works on.
        - In minutes.
        - From C(odoo_timeout).
      type: int
    holder_timeout:
      description:
        - How long a run that holds the lock may be silent before it is taken over; 0 for ever.
        - In seconds.
        - From C(odoo_holder_timeout).
      type: int
    reset_policy:
      description:
        - 'What is reset after an interrupted run: safe or seed.'
        - From C(odoo_reset_policy).
      type: str
    site:
      description:
        - Its site.
      type: dict
      contains:
        instance:
          description:
            - Name of the instance.
            - It is C(name).
          type: str
        version:
          description:
            - Odoo version.
            - From C(odoo_version).
          type: str
        server_names:
          description:
            - Host names of the site.
            - It is C(hostnames).
          type: list
          elements: str
        upstream:
          description:
            - Name on the instance's network that all replicas answer to.
            - It is <name>.odoo.
          type: str
        http_port:
          description:
            - Odoo's port for requests.
            - It is always 8069.
          type: int
        gevent_port:
          description:
            - Odoo's port for websockets and long polling.
            - It is always 8072.
          type: int
        static_root:
          description:
            - Folder of the static files, as nginx sees it.
            - It is /srv/static/<name>/current.
          type: str
        max_body:
          description:
            - Largest upload, a size as nginx takes it.
            - From C(odoo_max_upload).
          type: str
        rpc:
          description:
            - Addresses and networks from which programs may call it; all for any, empty for none.
            - From C(odoo_rpc).
          type: list
          elements: str
        mail_name:
          description:
            - Host name of the mail catcher's page; empty for none.
            - It is C(mail.hostname).
          type: str
    secret_files:
      description:
        - Secrets of the containers, name of the file to content, besides the passwords of database and administrator.
        - It is made of passwords and keys of Redis and of the store, and the token for metrics, when they are used.
        - Secret.
      type: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars
from ansible.vars.manager import VariableManager

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import known_variables, topology
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import (
    InventoryError,
    build_instances,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.secret import (
    SecretError,
    begin_set,
    read_or_create,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.settings import ONE_RUN, PORT
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import values
from ansible_collections.odoo_cloud.platform.plugins.plugin_utils._variables import (
    HostVariables,
    is_check_mode,
    platform_name,
    secrets_dir,
    templated,
)


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        groups, hosts = variables["groups"], HostVariables(variables["hostvars"])
        if self.get_option("problems"):
            return self._problems(groups, hosts, variables)
        try:
            if not is_check_mode(variables):
                begin_set(secrets_dir(self._templar, variables), platform_name(self._templar, variables))
            instances = self._instances(groups, hosts, variables, create=not is_check_mode(variables))
        except (InventoryError, SecretError) as error:
            raise AnsibleLookupError(str(error)) from error
        machine = self.get_option("machine")
        return [
            instance.to_dict()
            for instance in instances
            if (not terms or instance.name in terms)
            and (not machine or machine in [replica.machine for replica in instance.replicas])
        ]

    def _instances(self, groups, hosts, variables, create, thorough=False):
        """Builds the instances.

        `create`: whether missing secrets are generated. `thorough`: see `build_instances`.
        """
        folder = secrets_dir(self._templar, variables)
        stated = templated(self._templar, variables, "odoo_cloud_https_port", 443)
        port = values.as_port(stated)
        if port is None:
            raise InventoryError([f"odoo_cloud_https_port={stated!r}: {PORT}"])
        return build_instances(
            groups,
            hosts,
            lambda name: read_or_create(folder, name, create=create),
            port,
            thorough,
            self._standing(variables),
        )

    def _standing(self, variables):
        """A function that reads the variables `ONE_RUN` of a host without `-e`; None when none of them was
        given there.
        """
        inventory = getattr(variables["hostvars"], "_inventory", None)
        given = load_extra_vars(self._loader) if inventory is not None else {}
        once = [name for name in ONE_RUN if name in given]
        if not once:
            return None
        manager = VariableManager(loader=self._loader, inventory=inventory)
        manager._extra_vars = {name: value for name, value in given.items() if name not in once}

        def read(host):
            found = manager.get_vars(host=inventory.get_host(host), include_hostvars=False)
            templar = self._templar.copy_with_new_env(available_variables=found)
            return {name: templar.template(found[name]) for name in ONE_RUN if name in found}

        return read

    def _problems(self, groups, hosts, variables):
        """One line for each problem with the inventory. Nothing is created."""
        found, instances = [], []
        try:
            instances = self._instances(groups, hosts, variables, create=False, thorough=True)
        except InventoryError as error:
            found += error.problems
        except SecretError as error:
            found.append(str(error))
        return found + known_variables.problems(groups, hosts) + topology.problems(groups, hosts, instances)
