{% macro read_up_to() %}
    {%- if execute and model.resource_type == 'model' and flags.WHICH in ('build', 'run') -%}
        {{ return(table_state().read) }}
    {%- endif -%}
    {{ return({}) }}
{% endmacro %}
