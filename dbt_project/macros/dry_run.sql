{% macro dry_run() %}
    {{ return(true if flags.EMPTY or flags.SAMPLE else false) }}
{% endmacro %}
