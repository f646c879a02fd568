{% macro view_to_table(view) %}
    {#- Readers have the view's rows until the table is published. -#}
    {%- set copy = view.incorporate(path={'identifier': view.identifier ~ '__was_view'}, type='table') -%}
    {%- for sql in (
        "set spark.wap.branch=main",
        "drop table if exists " ~ copy,
        "create table " ~ copy ~ " using iceberg tblproperties ('write.wap.enabled' = 'true') as select * from " ~ view,
        "drop view " ~ view,
        "alter table " ~ copy ~ " rename to " ~ view,
        "set spark.wap.branch=" ~ (build_branch() or 'main'),
    ) -%}
        {% call statement('view_to_table') -%}{{ sql }}{%- endcall %}
    {%- endfor -%}
{% endmacro %}
