{% macro begin_build() %}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{{ return('') }}{%- endif -%}
    {% call statement('schema') -%}
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
    {%- do finish_publications() -%}
{% endmacro %}
