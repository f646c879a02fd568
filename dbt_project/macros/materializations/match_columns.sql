{% macro match_columns(relation, sql) %}
    {%- set view = relation.identifier ~ '__columns' -%}
    {% call statement('columns_of_the_query') %}
        create or replace temporary view {{ view }} as
        {{ sql }}
    {% endcall %}
    {%- set wanted = {} -%}
    {%- for row in run_query('describe table ' ~ view) -%}
        {%- do wanted.update({row.col_name: row.data_type}) -%}
    {%- endfor -%}
    {%- set there = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do there.update({column.name: column.dtype}) -%}
    {%- endfor -%}
    {%- for name, data_type in there.items() if wanted.get(name) != data_type -%}
        {% call statement('drop_column') %}alter table {{ relation }} drop column `{{ name }}`{% endcall %}
    {%- endfor -%}
    {%- for name, data_type in wanted.items() if there.get(name) != data_type -%}
        {% call statement('add_column') %}
            alter table {{ relation }} add column `{{ name }}` {{ data_type }}
        {% endcall %}
    {%- endfor -%}
{% endmacro %}
