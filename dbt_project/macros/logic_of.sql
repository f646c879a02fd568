{% macro logic_of(node) %}
    {#- Other where the query that makes a table is another one: its own, its macros', or that of a view it reads. -#}
    {%- set parts = [node.checksum.checksum] -%}
    {%- for name in node.depends_on.macros | sort
        if name.split('.')[1] not in ('dbt', 'dbt_spark') and name.split('.')[2] in context -%}
        {%- do parts.append(context[name.split('.')[2]].macro.macro_sql) -%}
    {%- endfor -%}
    {{ return(local_md5((parts + _logic_of_views(node)) | join('\n'))) }}
{% endmacro %}

{% macro _logic_of_views(node) %}
    {%- set parts = [] -%}
    {%- for unique_id in node.depends_on.nodes if unique_id in graph.nodes -%}
        {%- set parent = graph.nodes[unique_id] -%}
        {%- if parent.config.materialized == 'view' -%}
            {%- set view = adapter.get_relation(database=none, schema=parent.schema, identifier=parent.alias) -%}
            {#- As it is in the catalog: a build that leaves it out reads it as it was. -#}
            {%- do parts.append(view_definition(view) if view and view.is_view else '') -%}
            {%- do parts.extend(_logic_of_views(parent)) -%}
        {%- elif parent.config.materialized == 'ephemeral' -%}
            {%- do parts.append(logic_of(parent)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(parts) }}
{% endmacro %}
