{% macro columns_of_query(relation, sql) %}
    {#- Nothing is written: the query is analysed as a temporary view. -#}
    {% call statement('columns_of_query') %}
        create or replace temporary view `{{ relation.identifier }}__query` as
        {{ sql }}
    {% endcall %}
    {%- set columns = {} -%}
    {%- for row in run_query('describe table `' ~ relation.identifier ~ '__query`') -%}
        {%- do columns.update({row.col_name: row.data_type}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}
