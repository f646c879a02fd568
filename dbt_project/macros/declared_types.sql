{% macro declared_types(node) %}
    {%- set casts = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do casts.append('cast(null as ' ~ column.data_type ~ ') as `' ~ column.name ~ '`') -%}
    {%- endfor -%}
    {%- set types = {} -%}
    {%- if not casts -%}{{ return(types) }}{%- endif -%}
    {%- for row in run_query('describe query select ' ~ casts | join(', ')) -%}
        {%- do types.update({row.col_name | lower: row.data_type}) -%}
    {%- endfor -%}
    {{ return(types) }}
{% endmacro %}
