{% macro next_version() %}
    {{ return(table_state().next.version) }}
{% endmacro %}
