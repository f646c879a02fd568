{% macro next_version() %}
    {%- if execute and model.resource_type == 'model' and flags.WHICH in ('build', 'run') -%}
        {{ return(table_state().next.version) }}
    {%- endif -%}
    {{ return(1) }}
{% endmacro %}
