{% macro record_publications(rows) %}
    {%- set table = target.schema ~ '.publications' -%}
    {% call statement('publications_schema') -%}
        create schema if not exists {{ target.schema }}
    {%- endcall %}
    {% call statement('publications_table') -%}
        create table if not exists {{ table }} (
            invocation_id string,
            finished_at timestamp,
            model string,
            relation string,
            branch string,
            snapshot_id bigint,
            published boolean,
            tests_passed int,
            tests_failed array<string>,
            reason string
        )
        using iceberg
    {%- endcall %}
    {% call statement('publications') -%}
        insert into {{ table }} values
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
            {{ "'" ~ row.reason ~ "'" if row.reason else 'null' }}
        ){{ ',' if not loop.last }}
        {% endfor %}
    {%- endcall %}
{% endmacro %}
