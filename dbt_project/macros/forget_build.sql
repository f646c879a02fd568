{% macro forget_build() %}
    {%- do end_build() -%}
    {%- do log('dbt build can run again.', info=true) -%}
{% endmacro %}
