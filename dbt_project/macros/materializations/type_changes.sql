{% macro type_changes(path, before, after) %}
    {#- The list of changes that make a column of one type hold another without losing a value, or none. -#}
    {%- set narrower = {
        'int': ['tinyint', 'smallint'], 'bigint': ['tinyint', 'smallint', 'int'], 'double': ['float'],
    } -%}
    {%- set decimals = [] -%}
    {%- for data_type in (before, after) -%}
        {%- set found = modules.re.match('decimal\\((\\d+),(\\d+)\\)$', data_type) -%}
        {%- if found -%}{%- do decimals.append((found.group(1) | int, found.group(2) | int)) -%}{%- endif -%}
    {%- endfor -%}
    {%- if before == after or after == 'void' or after in narrower.get(before, []) -%}
        {{ return([]) }}
    {%- elif before in narrower.get(after, []) -%}
        {{ return([{'path': path, 'widen': after}]) }}
    {%- elif decimals | length == 2 and decimals[0][1] == decimals[1][1] -%}
        {{ return([{'path': path, 'widen': after}] if decimals[1][0] > decimals[0][0] else []) }}
    {%- elif before.startswith('struct<') and after.startswith('struct<') -%}
        {{ return(_struct_changes(path, type_parts(before), type_parts(after))) }}
    {%- elif before.startswith('array<') and after.startswith('array<') -%}
        {{ return(type_changes(path ~ '.element', before[6:-1], after[6:-1])) }}
    {%- elif before.startswith('map<') and after.startswith('map<') -%}
        {%- set old = type_parts(before) -%}
        {%- set new = type_parts(after) -%}
        {{ return(type_changes(path ~ '.value', old[1], new[1]) if old[0] == new[0] else none) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}

{% macro _struct_changes(path, before, after) %}
    {%- set old = {} -%}
    {%- for part in before -%}{%- do old.update({part.split(':', 1)[0]: part.split(':', 1)[1]}) -%}{%- endfor -%}
    {%- set new = {} -%}
    {%- for part in after -%}{%- do new.update({part.split(':', 1)[0]: part.split(':', 1)[1]}) -%}{%- endfor -%}
    {%- set changes = [] -%}
    {%- for name in old if name not in new -%}{{ return(none) }}{%- endfor -%}
    {%- for name, data_type in new.items() -%}
        {%- if name not in old -%}
            {%- do changes.append({'path': path ~ '.`' ~ name ~ '`', 'add': data_type}) -%}
        {%- else -%}
            {%- set inner = type_changes(path ~ '.`' ~ name ~ '`', old[name], data_type) -%}
            {%- if inner is none -%}{{ return(none) }}{%- endif -%}
            {%- do changes.extend(inner) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(changes) }}
{% endmacro %}
