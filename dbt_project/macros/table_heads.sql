{% macro table_heads(relations, branch) %}
    {%- set parts = [] -%}
    {%- set heads = {} -%}
    {%- for relation in relations -%}
        {%- do heads.update({relation: {
            'main': none, 'branch': none, 'branches': [], 'parents': {}, 'moved': false,
        }}) -%}
        {%- do parts.append(
            "select '" ~ relation ~ "' as relation, name, cast(snapshot_id as string) as snapshot, '' as parent from "
            ~ relation ~ ".refs where type = 'BRANCH'"
        ) -%}
        {%- do parts.append(
            "select '" ~ relation ~ "', '', cast(snapshot_id as string), cast(parent_id as string) from "
            ~ relation ~ ".snapshots"
        ) -%}
    {%- endfor -%}
    {%- if not parts -%}{{ return(heads) }}{%- endif -%}
    {%- for row in run_query(parts | join('\nunion all\n')) -%}
        {%- set head = heads[row.relation] -%}
        {%- set snapshot = row.snapshot | string -%}
        {%- if not row.name -%}
            {%- do head.parents.update({snapshot: row.parent | string}) -%}
        {%- elif row.name == 'main' -%}
            {%- do head.update(main=snapshot) -%}
        {%- elif row.name.startswith('build_') -%}
            {%- do head.branches.append(row.name) -%}
            {%- if row.name == branch -%}{%- do head.update(branch=snapshot) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for head in heads.values() if head.branch and head.main -%}
        {%- set ancestor = namespace(id=head.branch, found=false) -%}
        {%- for _ in head.parents if ancestor.id and not ancestor.found -%}
            {%- set ancestor.found = ancestor.id == head.main -%}
            {%- set ancestor.id = head.parents.get(ancestor.id) -%}
        {%- endfor -%}
        {%- do head.update(moved=not ancestor.found) -%}
    {%- endfor -%}
    {{ return(heads) }}
{% endmacro %}
