{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- set layer = node.config.schema -%}
    {%- if custom_alias_name is not none -%}
        {{ custom_alias_name }}
    {%- elif layer is not none and node.name.startswith(layer ~ '_') -%}
        {{ node.name[layer | length + 1:] }}{{ '_v' ~ node.version if node.version }}
    {%- else -%}
        {{ node.name }}{{ '_v' ~ node.version if node.version }}
    {%- endif -%}
{%- endmacro %}
