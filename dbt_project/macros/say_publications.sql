{% macro say_publications(rows) %}
    {%- set behind = rows | selectattr('reason') | list -%}
    {%- do log('', info=true) -%}
    {%- if not behind -%}
        {%- do log('Published: every test passed, and main has all ' ~ rows | length ~ ' tables.', info=true) -%}
    {%- else -%}
        {%- set published = rows | rejectattr('reason') | map(attribute='relation') | join(', ') -%}
        {%- do log('Published: ' ~ (published or 'nothing'), info=true) -%}
        {%- do log('Stayed behind, main is as it was:', info=true) -%}
    {%- endif -%}
    {%- for row in behind -%}
        {%- do log('  ' ~ row.relation ~ ': ' ~ row.reason, info=true) -%}
        {%- if row.branch -%}
            {%- do log(
                "    look at it: select * from " ~ row.relation ~ " version as of '" ~ row.branch ~ "'",
                info=true
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
