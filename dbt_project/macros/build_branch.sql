{% macro build_branch() -%}
    {{ return('build_' ~ invocation_id[:8] if flags.WHICH in ('build', 'retry') else none) }}
{%- endmacro %}
