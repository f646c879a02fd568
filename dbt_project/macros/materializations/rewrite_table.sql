{% macro rewrite_table(relation, columns, sql) %}
    {%- set existing = load_relation(relation) -%}
    {%- if existing is not none and existing.is_view -%}
        {%- do view_to_table(existing) -%}
    {%- endif -%}
    {% if existing is none %}
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
        {% do fit_columns(relation, columns) %}
        {% do overwrite_partitions('static') %}
        {% call statement('main') %}
            insert overwrite {{ relation }} by name
            {{ sql }}
        {% endcall %}
    {% endif %}
{% endmacro %}
