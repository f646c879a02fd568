{% macro refuse_retry() %}
    {#- In a retry, flags.WHICH is the command that is tried again; only the command line tells. -#}
    {%- set words = flags.INVOCATION_COMMAND.split() -%}
    {%- if execute and flags.WHICH == 'build' and 'retry' in words and 'build' not in words -%}
        {%- do exceptions.raise_compiler_error(
            "dbt retry cannot go on with what an earlier build left on its branch; nothing was written. "
            ~ "Run dbt build again: what is up to date costs no more than its tests"
        ) -%}
    {%- endif -%}
{% endmacro %}
