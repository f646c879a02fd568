{% macro list_rejections() %}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{{ return('') }}{%- endif -%}
    {%- set parts = [
        "select cast(null as string) as fonte, cast(null as string) as motivo, "
        ~ "cast(null as timestamp) as _ingested_at, cast(null as string) as _source_file where false"
    ] -%}
    {%- for node in graph.nodes.values() | sort(attribute='unique_id')
        if node.resource_type == 'model' and node.name.endswith('_entregas') and 'motivo' in node.columns -%}
        {%- set table = adapter.get_relation(database=none, schema=node.schema, identifier=node.alias) -%}
        {%- if table is not none -%}
            {%- do parts.append(
                "select '" ~ node.alias.removesuffix('_entregas') ~ "', motivo, _ingested_at, _source_file from "
                ~ table ~ " where motivo is not null"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set view = target.schema ~ '.rejections' -%}
    {%- set definition = local_md5(parts | join) -%}
    {%- set there = adapter.get_relation(database=none, schema=target.schema, identifier='rejections') -%}
    {%- if there is none or view_definition(view) != definition -%}
        {% call statement('rejections') -%}
            create or replace view {{ view }} tblproperties ('malha.definition' = '{{ definition }}')
            as {{ parts | join('\nunion all\n') }}
        {%- endcall %}
    {%- endif -%}
{% endmacro %}
