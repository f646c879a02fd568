{% macro build_branch() -%}
    {#- The session's spark.wap.branch is the same: see profiles.yml. -#}
    {{ return('build_' ~ invocation_id[:8] if flags.WHICH == 'build' or dry_run() else none) }}
{%- endmacro %}
