{% macro refuse_breaking_changes() %}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{{ return('') }}{%- endif -%}
    {%- set broken = [] -%}
    {%- for node in graph.nodes.values()
        if node.unique_id in selected_resources and node.resource_type == 'model'
        and node.access == 'public' and node.contract.enforced -%}
        {%- set relation = adapter.get_relation(database=none, schema=node.schema, identifier=node.alias) -%}
        {%- if relation is not none -%}
            {%- set declared = declared_types(node) -%}
            {%- for column in adapter.get_columns_in_relation(relation) -%}
                {%- set data_type = declared.get(column.name | lower) -%}
                {%- if not data_type -%}
                    {%- do broken.append((node, column.name ~ ' (' ~ column.dtype ~ ') would be gone')) -%}
                {%- elif data_type != column.dtype and not type_changes('', column.dtype, data_type) -%}
                    {%- do broken.append((node, column.name ~ ' would change from ' ~ column.dtype ~ ' to ' ~ data_type)) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if broken -%}
        {%- set node = broken[0][0] -%}
        {%- set changes = [] -%}
        {%- for changed, change in broken -%}{%- do changes.append('  ' ~ changed.name ~ ': ' ~ change) -%}{%- endfor -%}
        {%- do exceptions.raise_compiler_error(
            "this would break the contract of a product that is in use; nothing was written:\n"
            ~ changes | join('\n')
            ~ "\nKeep the columns as they are, or give the change a version of its own, beside the one in use. In "
            ~ node.patch_path.split('://')[-1] ~ ":\n\n"
            ~ "  - name: " ~ node.name ~ "\n"
            ~ "    latest_version: 1\n"
            ~ "    versions:\n"
            ~ "      - v: 1                      # the columns as they were, from " ~ node.name ~ ".sql\n"
            ~ "        defined_in: " ~ node.name ~ "\n"
            ~ "        config: {alias: " ~ node.alias ~ "}\n"
            ~ "      - v: 2                      # the new ones, from " ~ node.name ~ "_v2.sql\n"
            ~ "        columns: [...]\n"
        ) -%}
    {%- endif -%}
{% endmacro %}
