{% macro dry_run() %}
    {#- dbt tells macros and profiles of --empty, and of --sample only by the command line: see profiles.yml. -#}
    {%- set sampled = ' --sample' in flags.INVOCATION_COMMAND or env_var('DBT_SAMPLE', '') -%}
    {%- if invocation_args_dict.get('sample') and not sampled -%}
        {%- do exceptions.raise_compiler_error(
            'sample mode works from the command line and by DBT_SAMPLE only; nothing was written'
        ) -%}
    {%- endif -%}
    {{ return(true if flags.EMPTY or sampled else false) }}
{% endmacro %}
