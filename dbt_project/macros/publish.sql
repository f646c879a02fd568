{% macro publish(results) %}
    {%- set branch = build_branch() -%}
    {%- if not execute or branch is none -%}{{ return('') }}{%- endif -%}
    {%- set tables = [] -%}
    {%- set written = [] -%}
    {%- for result in results
        if stored_tables([result.node.unique_id]) == [result.node.unique_id] -%}
        {%- do tables.append(result) -%}
        {%- if result.status == 'success' and result.message != 'nothing new' -%}
            {%- do written.append(result.node.schema ~ '.' ~ result.node.alias) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if dry_run() -%}{{ return(forget_dry_run(written, branch)) }}{%- endif -%}

    {#- From here until the last table has moved, no other build publishes. -#}
    {%- do take_turn() -%}
    {%- set heads = table_heads(written, branch) -%}
    {%- set rows = judge(tables, tests_by_table(results), heads) -%}
    {%- set passed = rows | selectattr('publish') | map(attribute='relation') | list -%}
    {%- if rows -%}{%- do record_publications(rows) -%}{%- endif -%}
    {%- if passed -%}
        {#- Where this is cut in the middle, the next build goes on with it. -#}
        {%- set publishing = "'malha.publishing." ~ branch ~ "'" -%}
        {% call statement('publishing') -%}
            alter table {{ target.schema }}.publications set tblproperties ({{ publishing }} = '{{ passed | join(' ') }}')
        {%- endcall %}
        {%- for relation in passed -%}
            {%- do forward(relation, branch, heads[relation].branches) -%}
        {%- endfor -%}
        {% call statement('publishing') -%}
            alter table {{ target.schema }}.publications unset tblproperties if exists ({{ publishing }})
        {%- endcall %}
    {%- endif -%}
    {%- do end_turn() -%}
    {%- do say_publications(rows) -%}
    {%- if heads.values() | selectattr('moved') | list -%}
        {%- do exceptions.raise_compiler_error(
            'another build has published tables of this one meanwhile: run dbt build again'
        ) -%}
    {%- endif -%}
{% endmacro %}
