{% macro numbered(count, noun) %}
    {{ return(count ~ ' ' ~ noun ~ ('' if count == 1 else 's')) }}
{% endmacro %}
