{% macro branch_heads(results, branch) %}
    {%- set parts = [] -%}
    {%- set heads = {} -%}
    {%- for result in results -%}
        {%- set node = result.node -%}
        {%- set table = node.schema ~ '.' ~ node.alias -%}
        {%- do heads.update({node.unique_id: {
            'wrote': result.message != 'nothing new', 'main': none, 'branch': none,
            'branches': [], 'parents': {}, 'moved': false,
        }}) -%}
        {%- do parts.append(
            "select '" ~ node.unique_id ~ "' as id, name, cast(snapshot_id as string) as snapshot, '' as parent from "
            ~ table ~ ".refs where type = 'BRANCH'"
        ) -%}
        {%- do parts.append(
            "select '" ~ node.unique_id ~ "', '', cast(snapshot_id as string), cast(parent_id as string) from "
            ~ table ~ ".snapshots"
        ) -%}
    {%- endfor -%}
    {%- for row in run_query(parts | join('\nunion all\n')) if parts -%}
        {%- set head = heads[row.id] -%}
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
    {%- for head in heads.values() if head.wrote -%}
        {%- set ancestor = namespace(id=head.branch, found=head.branch and head.main is none) -%}
        {%- for _ in head.parents if ancestor.id and not ancestor.found -%}
            {%- set ancestor.found = ancestor.id == head.main -%}
            {%- set ancestor.id = head.parents.get(ancestor.id) -%}
        {%- endfor -%}
        {%- do head.update(moved=not ancestor.found) -%}
    {%- endfor -%}
    {{ return(heads) }}
{% endmacro %}
