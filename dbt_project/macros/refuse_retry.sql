{% macro refuse_retry() %}
    {%- if execute and flags.WHICH == 'retry' -%}
        {%- do exceptions.raise_compiler_error(
            "dbt retry cannot go on with what an earlier build left on its branch; nothing was written. "
            ~ "Run the same command again: what is up to date costs no more than its tests"
        ) -%}
    {%- endif -%}
{% endmacro %}
