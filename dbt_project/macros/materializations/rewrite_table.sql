{% macro rewrite_table(relation, sql) %}
    {%- set existing = load_relation(relation) -%}
    {%- if existing is not none and existing.is_view -%}
        {% do adapter.drop_relation(existing) %}
    {%- endif -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {% if existing is none or existing.is_view %}
        {% call statement('main') %}
            create table {{ relation }}
            {{ file_format_clause() }}
            {{ partition_cols(label='partitioned by') }}
            {{ tblproperties_clause() }}
            as
            {{ sql }}
        {% endcall %}
    {% else %}
        {% do open_branch(relation) %}
        {% do match_columns(relation, sql) %}
        {% call statement('main') %}
            insert overwrite {{ relation }} by name
            {{ sql }}
        {% endcall %}
    {% endif %}
{% endmacro %}
