{% macro finish_publications() %}
    {%- set begun = {} -%}
    {%- for row in run_query('show tblproperties ' ~ target.schema ~ '.publications')
        if row[0].startswith('malha.publishing.') -%}
        {%- do begun.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- if not begun -%}{{ return('') }}{%- endif -%}
    {#- One that is under way has the turn, and is over once it is ours. -#}
    {%- do take_turn() -%}
    {%- for name, relations in begun.items() -%}
        {%- set branch = name.split('.')[-1] -%}
        {%- for relation in relations.split() -%}
            {%- set head = table_heads([relation], branch)[relation] -%}
            {%- if head.moved -%}
                {%- do record_publications([{
                    'model': relation.split('.')[-1], 'relation': relation, 'branch': branch, 'snapshot_id': head.branch,
                    'passed': 0, 'failed': [], 'tests': [],
                    'reason': 'another writer moved it while it was published: run dbt build again',
                }]) -%}
            {%- elif head.branch -%}
                {%- do forward(relation, branch, [branch]) -%}
            {%- endif -%}
        {%- endfor -%}
        {% call statement('publishing') -%}
            alter table {{ target.schema }}.publications unset tblproperties if exists ('{{ name }}')
        {%- endcall %}
    {%- endfor -%}
    {%- do end_turn() -%}
{% endmacro %}
