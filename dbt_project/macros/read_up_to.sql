{% macro read_up_to() %}
    {{ return(table_state().read) }}
{% endmacro %}
