{% macro stored_tables(unique_ids) %}
    {%- set found = [] -%}
    {%- for unique_id in unique_ids if unique_id in graph.nodes -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- if node.config.materialized in ('table', 'incremental', 'snapshot', 'seed') -%}
            {%- do found.append(unique_id) -%}
        {%- elif node.config.materialized in ('view', 'ephemeral') -%}
            {%- do found.extend(stored_tables(node.depends_on.nodes)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | unique | list) }}
{% endmacro %}
