{% macro create_publications() %}
    {%- if not execute or build_branch() is none -%}{{ return('') }}{%- endif -%}
    {% call statement('publications_schema') -%}
        create schema if not exists {{ target.schema }}
    {%- endcall %}
    {% call statement('publications_table') -%}
        create table if not exists {{ target.schema }}.publications (
            invocation_id string,
            finished_at timestamp,
            model string,
            relation string,
            branch string,
            snapshot_id bigint,
            published boolean,
            tests_passed int,
            tests_failed array<string>,
            reason string,
            tests array<struct<test: string, status: string, failures: bigint>>
        )
        using iceberg
    {%- endcall %}
{% endmacro %}
