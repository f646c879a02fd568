{% macro spark__snapshot_merge_sql(target, source, insert_cols) -%}
    {#- A MERGE of nothing would commit a snapshot of the table all the same. -#}
    {%- if not run_query('select 1 from ' ~ source.identifier ~ ' limit 1') -%}
        {{ return("select 'nothing new'") }}
    {%- endif -%}
    {%- do record_state({}) -%}
    {%- do open_branch(target) -%}
    {{ return(dbt.spark__snapshot_merge_sql(target, source, insert_cols)) }}
{%- endmacro %}
