{% macro spark__create_csv_table(model, agate_table) %}
    {%- set types = model['config'].get('column_types', {}) -%}
    {% call statement('create_seed') -%}
        create table {{ this }} (
            {%- for name in agate_table.column_names %}
            `{{ name }}` {{ types.get(name, adapter.convert_type(agate_table, loop.index0)) }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
        using iceberg
        {{ partition_cols(label='partitioned by') }}
        tblproperties ('write.wap.enabled' = 'true')
    {%- endcall %}
    {{ return('-- ' ~ this ~ ' is made') }}
{% endmacro %}

{% macro spark__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {#- The table stays, with its history; the first rows that are loaded replace those that it has. -#}
    {%- set types = {} -%}
    {%- for name in agate_table.column_names -%}
        {%- do types.update({
            name: model.config.get('column_types', {}).get(name, adapter.convert_type(agate_table, loop.index0))
        }) -%}
    {%- endfor -%}
    {% do open_branch(old_relation) %}
    {% do fit_columns(old_relation, types) %}
    {%- if agate_table.rows | length == 0 -%}
        {% call statement('empty_seed') -%}delete from {{ old_relation }}{%- endcall %}
    {%- endif -%}
    {{ return('-- rows of ' ~ old_relation ~ ' are replaced') }}
{% endmacro %}

{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- set statements = [] -%}
    {% do record_state({}) %}
    {% for chunk in agate_table.rows | batch(get_batch_size()) %}
        {%- set bindings = [] -%}
        {%- for row in chunk -%}{%- do bindings.extend(row) -%}{%- endfor -%}
        {%- set sql -%}
            {{ 'insert overwrite' if loop.first else 'insert into' }} {{ this }} by name
            select {% for name in agate_table.column_names -%}
                cast(`{{ name }}` as {{ types.get(name, adapter.convert_type(agate_table, loop.index0)) }}) as `{{ name }}`
                {{- ', ' if not loop.last }}
            {%- endfor %}
            from values {% for row in chunk -%}
                ({% for _ in row %}%s{{ ', ' if not loop.last }}{% endfor %}){{ ', ' if not loop.last }}
            {%- endfor %}
            as seed ({% for name in agate_table.column_names %}`{{ name }}`{{ ', ' if not loop.last }}{% endfor %})
        {%- endset -%}
        {%- do adapter.add_query(sql, bindings=bindings, abridge_sql_log=True) -%}
        {%- do statements.append(sql) -%}
    {% endfor %}
    {{ return(statements[0]) }}
{% endmacro %}
