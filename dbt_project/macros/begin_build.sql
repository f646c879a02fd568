{% macro begin_build() %}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{{ return('') }}{%- endif -%}
    {%- set lock = target.schema ~ '.build_lock' -%}
    {%- set now = modules.datetime.datetime.now(modules.pytz.utc) -%}
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

    {%- if build_branch() is none -%}{{ return('') }}{%- endif -%}
    {%- for _ in range(2) -%}
        {% call statement('build_lock') -%}
            create table if not exists {{ lock }} (nothing int) using iceberg
            tblproperties ('build' = '{{ invocation_id }}', 'since' = '{{ now.isoformat() }}')
        {%- endcall %}
        {%- set held = {} -%}
        {%- for row in run_query('show tblproperties ' ~ lock) -%}
            {%- do held.update({row[0]: row[1]}) -%}
        {%- endfor -%}
        {%- if held.build == invocation_id -%}{{ return('') }}{%- endif -%}
        {%- set since = modules.datetime.datetime.fromisoformat(held.since) -%}
        {%- if (now - since).total_seconds() < var('build_lock_minutes') * 60 -%}
            {%- do exceptions.raise_compiler_error(
                "another dbt build (" ~ held.build[:8] ~ ", since " ~ held.since[:19]
                ~ " UTC) is under way; nothing was written. Run this again once it has ended. Where it"
                ~ " was killed: dbt run-operation forget_build"
            ) -%}
        {%- endif -%}
        {%- do end_build() -%}
    {%- endfor -%}
{% endmacro %}
