{% macro rewrite_table(relation, sql, exists) %}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {% if not exists %}
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
