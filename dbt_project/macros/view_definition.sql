{% macro view_definition(view) %}
    {%- for row in run_query("show tblproperties " ~ view ~ " ('malha.definition')") -%}
        {{ return(row[1]) }}
    {%- endfor -%}
    {{ return('') }}
{% endmacro %}
