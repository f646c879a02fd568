{% macro fit_columns(relation, columns) %}
    {#- All is found out before the first change. A column that the query lacks stays, with nulls. -#}
    {%- set there = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do there.update({column.name | lower: column.dtype}) -%}
    {%- endfor -%}
    {%- set changes = [] -%}
    {%- set refused = [] -%}
    {%- for name, data_type in columns.items() -%}
        {%- set path = '`' ~ name ~ '`' -%}
        {%- if name | lower not in there -%}
            {%- do changes.append({'path': path, 'add': data_type}) -%}
        {%- else -%}
            {%- set found = type_changes(path, there[name | lower], data_type) -%}
            {%- if found is none -%}
                {%- do refused.append(name ~ ' would change from ' ~ there[name | lower] ~ ' to ' ~ data_type) -%}
            {%- else -%}
                {%- do changes.extend(found) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if refused -%}
        {%- do exceptions.raise_compiler_error(
            relation ~ " has rows that its readers would lose; nothing was written:\n  " ~ refused | join('\n  ')
            ~ "\nCast the column to the type that it has, or give the new one another name"
        ) -%}
    {%- endif -%}
    {%- for change in changes -%}
        {% call statement('fit_column') -%}
            {%- if 'add' in change -%}
                alter table {{ relation }} add column {{ change.path }} {{ change.add }}
            {%- else -%}
                alter table {{ relation }} alter column {{ change.path }} type {{ change.widen }}
            {%- endif -%}
        {%- endcall %}
    {%- endfor -%}
{% endmacro %}
