{% macro end_turn() %}
    {% call statement('turn') -%}
        drop table if exists {{ target.schema }}.turn
    {%- endcall %}
{% endmacro %}
