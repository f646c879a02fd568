{% macro build_branch() -%}
    {{ return('build_' ~ invocation_id[:8] if flags.WHICH == 'build' else none) }}
{%- endmacro %}
