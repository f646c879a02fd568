{% macro check_contract(columns) %}
    {%- if not config.get('contract').enforced -%}{{ return('') }}{%- endif -%}
    {%- set declared = declared_types(model) -%}
    {%- set there = {} -%}
    {%- for name, data_type in columns.items() -%}{%- do there.update({name | lower: data_type}) -%}{%- endfor -%}
    {%- set wrong = [] -%}
    {%- for name, data_type in declared.items() -%}
        {%- if name not in there -%}
            {%- do wrong.append(name ~ ': the contract has it, the query has not') -%}
        {%- elif there[name] != data_type -%}
            {%- do wrong.append(name ~ ': the contract says ' ~ data_type ~ ', the query gives ' ~ there[name]) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in there if name not in declared -%}
        {%- do wrong.append(name ~ ': the query has it, the contract has not') -%}
    {%- endfor -%}
    {%- if wrong -%}
        {%- do exceptions.raise_compiler_error(
            "This model has an enforced contract that failed; nothing was written:\n  " ~ wrong | join('\n  ')
            ~ "\nCast the column in the query, or change its data_type in " ~ model.patch_path.split('://')[-1]
        ) -%}
    {%- endif -%}
{% endmacro %}
