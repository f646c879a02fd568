{% macro add_rows(relation, columns, strategy) %}
    {%- set rows = api.Relation.create(identifier=relation.identifier ~ '__query') -%}
    {%- set on_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- set there = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
    {%- set new = columns.keys() | map('lower') | reject('in', there) | list -%}
    {%- set gone = there | reject('in', columns.keys() | map('lower') | list) | list -%}
    {%- if (new or gone) and on_change == 'fail' -%}
        {%- do exceptions.raise_compiler_error(
            "The source and target schemas on this incremental model are out of sync, and on_schema_change is fail; "
            ~ "nothing was written. New: " ~ (new | join(', ') or 'none') ~ ". Gone: " ~ (gone | join(', ') or 'none')
            ~ ". Run it with --full-refresh, or change on_schema_change"
        ) -%}
    {%- elif gone and on_change != 'append_new_columns' -%}
        {%- do exceptions.raise_compiler_error(
            relation ~ " has columns that the query lacks (" ~ gone | join(', ') ~ "); nothing was written. Keep them in "
            ~ "the query, as nulls for instance: a column of a table in use is never dropped"
        ) -%}
    {%- endif -%}
    {% do open_branch(relation) %}
    {%- set fitting = {} -%}
    {%- for name, data_type in columns.items() if on_change != 'ignore' or name | lower in there -%}
        {%- do fitting.update({name: data_type}) -%}
    {%- endfor -%}
    {% do fit_columns(relation, fitting) %}
    {%- for name in gone -%}{%- do fitting.update({name: none}) -%}{%- endfor -%}
    {%- set source -%}
        (select {% for name, data_type in fitting.items() -%}
            {{ 'null as ' if data_type is none }}`{{ name }}`{{ ', ' if not loop.last }}
        {%- endfor %} from `{{ rows.identifier }}`)
    {%- endset -%}
    {% do overwrite_partitions('dynamic' if strategy in ('insert_overwrite', 'microbatch') else 'static') %}
    {% call statement('main') %}
        {%- if strategy == 'append' %}
            insert into {{ relation }} by name select * from {{ source }}
        {%- elif strategy == 'merge' %}
            {{ get_merge_sql(relation, source, config.get('unique_key'), none,
                config.get('predicates') or config.get('incremental_predicates')) }}
        {%- else %}
            {%- if strategy == 'microbatch' and not config.get('partition_by') -%}
                {%- do exceptions.raise_compiler_error(
                    "microbatch needs partition_by, of the grain of batch_size; nothing was written"
                ) -%}
            {%- endif %}
            insert overwrite {{ relation }} by name select * from {{ source }}
        {%- endif %}
    {% endcall %}
{% endmacro %}
