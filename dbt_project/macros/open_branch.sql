{% macro open_branch(relation) %}
    {%- if build_branch() is not none and load_relation(relation) is not none -%}
        {% call statement('open_branch') -%}
            alter table {{ relation }} create branch if not exists `{{ build_branch() }}`
        {%- endcall %}
    {%- endif -%}
{% endmacro %}
