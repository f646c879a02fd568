{% macro forward(relation, branch, branches) %}
    {% call statement('forward') -%}
        call lake.system.fast_forward('{{ relation }}', 'main', '{{ branch }}')
    {%- endcall %}
    {%- for name in branches -%}
        {% call statement('forget') -%}
            alter table {{ relation }} drop branch if exists `{{ name }}`
        {%- endcall %}
    {%- endfor -%}
{% endmacro %}
