{% macro record_publications(rows) %}
    {% call statement('publications') -%}
        insert into {{ target.schema }}.publications values
        {% for row in rows -%}
        (
            '{{ invocation_id }}',
            current_timestamp(),
            '{{ row.model }}',
            '{{ row.relation }}',
            {{ "'" ~ row.branch ~ "'" if row.branch else 'null' }},
            {{ row.snapshot_id or 'null' }},
            {{ row.reason is none }},
            {{ row.passed }},
            cast(array({% for name in row.failed %}'{{ name }}'{{ ', ' if not loop.last }}{% endfor %}) as array<string>),
            {{ "'" ~ row.reason ~ "'" if row.reason else 'null' }},
            from_json('{{ tojson(row.tests) }}', 'array<struct<test: string, status: string, failures: bigint>>')
        ){{ ',' if not loop.last }}
        {% endfor %}
    {%- endcall %}
{% endmacro %}
