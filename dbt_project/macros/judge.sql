{% macro judge(tables, tests, heads) %}
    {#- A row for each table: whether it is published, and if not, why. -#}
    {%- set held = {} -%}
    {%- set rows = [] -%}
    {%- for result in tables -%}
        {%- set node = result.node -%}
        {%- set table = node.unique_id -%}
        {%- set relation = node.schema ~ '.' ~ node.alias -%}
        {%- set head = heads.get(relation, {}) -%}
        {%- set checked = tests.get(table, []) | selectattr('status') | sort(attribute='test') | list -%}
        {%- set found = [] -%}
        {%- for test in checked -%}
            {%- do found.append({'test': test.test, 'status': test.status, 'failures': test.failures}) -%}
        {%- endfor -%}
        {%- set failed = checked | rejectattr('status', 'in', ('pass', 'warn')) | map(attribute='test') | list -%}
        {%- set missing = tests.get(table, []) | rejectattr('status') | map(attribute='test') | list -%}
        {%- set upstream = stored_tables(node.depends_on.nodes) | select('in', held) | list -%}
        {%- if failed -%}
            {%- do held.update({table: failed | join(', ') ~ ' failed'}) -%}
        {%- elif result.status == 'skipped' and not upstream -%}
            {%- do held.update({table: 'dbt skipped it'}) -%}
        {%- elif result.status not in ('success', 'skipped')
            and modules.re.search('CommitFailedException|ALREADY_EXISTS|AlreadyExists', result.message | string) -%}
            {%- do held.update({table: 'another build wrote it at the same moment: run dbt build again'}) -%}
        {%- elif result.status not in ('success', 'skipped') -%}
            {%- do held.update({table: 'it could not be built'}) -%}
        {%- elif upstream -%}
            {%- do held.update({table: 'it reads ' ~ graph.nodes[upstream[0]].name ~ ', which stays behind'}) -%}
        {%- elif head.moved -%}
            {%- do held.update({table: 'another build has published it meanwhile: run dbt build again'}) -%}
        {%- elif head.branch and missing -%}
            {%- do held.update({table: missing[0] ~ (' and ' ~ (missing | length - 1) ~ ' more tests' if missing | length > 1 else '')
                ~ ' did not run: dbt build --select ' ~ node.name ~ '+'}) -%}
        {%- endif -%}
        {%- do rows.append({
            'model': node.name,
            'relation': relation,
            'branch': build_branch() if table in held and head.branch else none,
            'snapshot_id': head.branch or head.main or none,
            'publish': table not in held and (head.branch or none) is not none,
            'tests': found,
            'passed': checked | length - failed | length,
            'failed': failed,
            'failing': checked | selectattr('test', 'in', failed) | selectattr('sql') | list,
            'reason': held.get(table),
        }) -%}
    {%- endfor -%}
    {{ return(rows) }}
{% endmacro %}
