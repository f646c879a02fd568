{% macro failing_rows(test) %}
    {#- The query of a test of this run, on one line. -#}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' and node.name == test -%}
        {%- set code = node.get('compiled_code') -%}
        {{ return(modules.re.sub('\\s+', ' ', code).strip() if code else none) }}
    {%- endfor -%}
    {{ return(none) }}
{% endmacro %}
