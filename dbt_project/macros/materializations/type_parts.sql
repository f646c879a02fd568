{% macro type_parts(data_type) %}
    {#- What stands between the outer brackets, split at the commas that are in no others. -#}
    {%- set scan = namespace(depth=0, part='') -%}
    {%- set parts = [] -%}
    {%- for letter in data_type[data_type.index('<') + 1:-1] -%}
        {%- if letter in '<(' -%}{%- set scan.depth = scan.depth + 1 -%}{%- endif -%}
        {%- if letter in '>)' -%}{%- set scan.depth = scan.depth - 1 -%}{%- endif -%}
        {%- if letter == ',' and scan.depth == 0 -%}
            {%- do parts.append(scan.part) -%}
            {%- set scan.part = '' -%}
        {%- else -%}
            {%- set scan.part = scan.part ~ letter -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(parts + [scan.part]) }}
{% endmacro %}
