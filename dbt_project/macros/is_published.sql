{% macro is_published(relation) %}
    {%- set current = 'current-snapshot-id' -%}
    {%- for row in run_query("show tblproperties " ~ relation ~ " ('" ~ current ~ "')") -%}
        {{ return(row[1] not in ('none', '-1')) }}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}
