{% macro publish(results) %}
    {%- set branch = build_branch() -%}
    {%- if not execute or branch is none -%}{{ return('') }}{%- endif -%}

    {%- set tests = {} -%}
    {%- for result in results
        if result.node.resource_type in ('test', 'unit_test') and result.status != 'skipped' -%}
        {%- set node = result.node -%}
        {%- set tested = node.attached_node or node.tested_node_unique_id -%}
        {%- for table in stored_tables([tested] if tested else node.depends_on.nodes) -%}
            {%- do tests.setdefault(table, []).append(
                {'test': node.name, 'status': result.status | string, 'failures': result.failures or 0}
            ) -%}
        {%- endfor -%}
    {%- endfor -%}

    {%- set tables = [] -%}
    {%- for result in results
        if stored_tables([result.node.unique_id]) == [result.node.unique_id] -%}
        {%- do tables.append(result) -%}
    {%- endfor -%}
    {%- set heads = branch_heads(tables | selectattr('status', 'equalto', 'success'), branch) -%}

    {%- set held = {} -%}
    {%- set rows = [] -%}
    {%- for result in tables -%}
        {%- set node = result.node -%}
        {%- set table = node.unique_id -%}
        {%- set head = heads.get(table, {}) -%}
        {%- set upstream = stored_tables(node.depends_on.nodes) | select('in', held) | list -%}
        {%- set checked = tests.get(table, []) | sort(attribute='test') -%}
        {%- set failed = checked | rejectattr('status', 'in', ('pass', 'warn')) | map(attribute='test') | list -%}
        {%- if failed -%}
            {%- do held.update({table: failed | join(', ') ~ ' failed'}) -%}
        {%- elif result.status not in ('success', 'skipped') -%}
            {%- do held.update({table: 'it could not be built'}) -%}
        {%- elif upstream -%}
            {%- do held.update({table: 'it reads ' ~ graph.nodes[upstream[0]].name ~ ', which stays behind'}) -%}
        {%- elif result.status == 'skipped' -%}
            {%- do held.update({table: 'dbt skipped it'}) -%}
        {%- elif head.moved -%}
            {%- do held.update({table: 'another build has published it meanwhile: run dbt build again'}) -%}
        {%- elif head.branch -%}
            {% call statement('publish') -%}
                call lake.system.fast_forward('{{ node.schema }}.{{ node.alias }}', 'main', '{{ branch }}')
            {%- endcall %}
            {%- for name in head.branches -%}
                {% call statement('forget') -%}
                    alter table {{ node.schema }}.{{ node.alias }} drop branch if exists `{{ name }}`
                {%- endcall %}
            {%- endfor -%}
        {%- endif -%}
        {%- do rows.append({
            'model': node.name,
            'relation': node.schema ~ '.' ~ node.alias,
            'branch': branch if table in held and head.branch else none,
            'snapshot_id': head.branch or head.main or none,
            'tests': checked,
            'passed': checked | length - failed | length,
            'failed': failed,
            'reason': held.get(table),
        }) -%}
    {%- endfor -%}

    {%- if rows -%}
        {%- do record_publications(rows) -%}
        {%- do say_publications(rows) -%}
    {%- endif -%}
    {%- do end_build() -%}
    {%- set moved = heads.values() | selectattr('moved') | list -%}
    {%- if moved -%}
        {%- do exceptions.raise_compiler_error(
            'another build has published tables of this one meanwhile: run dbt build again'
        ) -%}
    {%- endif -%}
{% endmacro %}
