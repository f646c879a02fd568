{% macro spark__list_relations_without_caching(schema_relation) %}
    {% call statement('list_views', fetch_result=True) -%}
        show views in {{ schema_relation.schema }}
    {%- endcall %}
    {% call statement('list_tables', fetch_result=True) -%}
        show tables in {{ schema_relation.schema }}
    {%- endcall %}
    {%- set relations = [] -%}
    {%- set views = load_result('list_views')['data'] | map(attribute=1) | list -%}
    {%- for name in views -%}
        {%- do relations.append((schema_relation.schema, name, false, 'Type: VIEW')) -%}
    {%- endfor -%}
    {%- for row in load_result('list_tables')['data'] if row[1] not in views -%}
        {%- do relations.append((schema_relation.schema, row[1], false, 'Provider: iceberg')) -%}
    {%- endfor -%}
    {% do return(relations) %}
{% endmacro %}
