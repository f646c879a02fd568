{% macro end_build() %}
    {% call statement('build_lock') -%}
        drop table if exists {{ target.schema }}.build_lock purge
    {%- endcall %}
{% endmacro %}
