{% macro take_turn() %}
    {#- The metastore lets only one make a table. Each question takes tens of milliseconds. -#}
    {%- set turn = target.schema ~ '.turn' -%}
    {%- set longest = 20 -%}
    {%- set began = modules.datetime.datetime.now(modules.pytz.utc) -%}
    {%- set held = {} -%}
    {%- for _ in range(10000) if held.get('build') != invocation_id -%}
        {%- set now = modules.datetime.datetime.now(modules.pytz.utc) -%}
        {%- set taken = run_query("show tables in " ~ target.schema ~ " like 'turn'") | length > 0 -%}
        {%- if not taken or (now - began).total_seconds() > longest -%}
            {% call statement('turn') -%}
                create table if not exists {{ turn }} (nothing int) using iceberg
                tblproperties ('build' = '{{ invocation_id }}', 'since' = '{{ now.isoformat() }}')
            {%- endcall %}
            {%- do held.clear() -%}
            {%- for row in run_query('show tblproperties ' ~ turn) -%}{%- do held.update({row[0]: row[1]}) -%}{%- endfor -%}
            {%- set since = modules.datetime.datetime.fromisoformat(held.since) -%}
            {%- if held.build != invocation_id and (now - since).total_seconds() > longest -%}{%- do end_turn() -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
