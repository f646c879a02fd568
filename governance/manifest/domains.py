"""Which domain owns what, and what of it others may read."""

import re
from typing import Any

from dbt_bouncer.check_framework.decorator import check, fail
from dbt_bouncer.types import RegexPattern

_FOLDER = re.compile(r"models/(?:prata|ouro)/(?P<domain>[^/]+)/")


@check
def check_model_lies_in_folder_of_its_domain(model: Any) -> None:
    """A model lies in models/<layer>/<domain>/ and belongs to the group of that name."""
    path = model.original_file_path.replace("\\", "/")
    folder = _FOLDER.match(path)
    if folder is None:
        fail(f"`{model.name}` lies at {path}: models lie in models/prata|ouro/<domain>/.")
    if model.config.group != folder["domain"]:
        fail(
            f"`{model.name}` lies in the folder of {folder['domain']} and has the group "
            f"{model.config.group!r}: set `+group: {folder['domain']}` for the folder."
        )


@check
def check_model_access_follows_role(
    model: Any, *, internal_name_pattern: RegexPattern, shared: list[str]
) -> None:
    """What a domain keeps to itself is private; dbt then refuses other groups' refs to it.

    Parameters:
        internal_name_pattern: Names of models that are internal; ephemeral ones are, too.
        shared: What the access of all others may be.
    """
    ephemeral = model.config.materialized == "ephemeral"
    if ephemeral or re.search(internal_name_pattern, model.name):
        if model.access != "private":
            fail(f"`{model.name}` is internal to its domain and {model.access}: make it private.")
    elif model.access not in shared:
        fail(f"`{model.name}` is {model.access}: its access must be {' or '.join(shared)}.")


@check
def check_domain_reads_what_others_share(model: Any, ctx: Any) -> None:
    """Of another domain, a model reads tables that are shared: no sources, nothing private."""
    manifest = ctx.manifest_obj.manifest
    for unique_id in model.depends_on.nodes or []:
        if unique_id in manifest.sources:
            source = manifest.sources[unique_id]
            owner = ((source.config or {}).get("meta") or {}).get("owner")
            if owner != model.config.group:
                fail(
                    f"`{model.name}` of {model.config.group} reads "
                    f"{source.source_name}.{source.name} of {owner}: read what {owner} has "
                    "made of it in prata."
                )
        elif unique_id in manifest.nodes:
            node = manifest.nodes[unique_id]
            if node.config.group != model.config.group and node.access == "private":
                fail(
                    f"`{model.name}` of {model.config.group} reads `{node.name}`, which "
                    f"{node.config.group} keeps private."
                )


@check
def check_snapshot_reads_prata(snapshot: Any) -> None:
    """A snapshot keeps the history of prata: bronze is history already, ouro is made from both."""
    own = snapshot.config.group
    if not own:
        fail(f"`{snapshot.name}` has no group: set `group` in its config.")
    other = [
        name
        for name in snapshot.depends_on.nodes or []
        if not re.match(r"(model|snapshot)\.[^.]+\.prata_", name)
    ]
    if other:
        fail(f"`{snapshot.name}` reads {', '.join(other)}: a snapshot reads prata alone.")
