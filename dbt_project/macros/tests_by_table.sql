{% macro tests_by_table(results) %}
    {#- What each table's tests came to; `none` where a test that it stands on has no result. -#}
    {%- set statuses = {} -%}
    {%- for result in results
        if result.node.resource_type in ('test', 'unit_test') and result.status != 'skipped' -%}
        {%- do statuses.update({result.node.unique_id: result}) -%}
    {%- endfor -%}
    {%- set tests = {} -%}
    {%- for result in statuses.values() if result.node.resource_type == 'unit_test' -%}
        {%- for table in stored_tables([result.node.tested_node_unique_id]) -%}
            {%- do tests.setdefault(table, []).append({
                'test': result.node.name, 'status': result.status | string, 'failures': result.failures or 0
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' -%}
        {%- set result = statuses.get(node.unique_id) -%}
        {%- if result or node.config.severity | upper == 'ERROR' -%}
            {%- for table in stored_tables([node.attached_node] if node.attached_node else node.depends_on.nodes) -%}
                {%- do tests.setdefault(table, []).append({
                    'test': node.name,
                    'status': result.status | string if result else none,
                    'failures': result.failures or 0 if result else 0,
                    'sql': result.node.compiled_code if result else none,
                }) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(tests) }}
{% endmacro %}
