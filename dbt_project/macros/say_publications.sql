{% macro say_publications(rows) %}
    {%- set behind = rows | selectattr('reason') | list -%}
    {%- set published = rows | selectattr('publish') | map(attribute='relation') | list -%}
    {%- set unchanged = rows | length - behind | length - published | length -%}
    {%- do log('', info=true) -%}
    {%- if published -%}
        {%- do log('Published: ' ~ published | join(', ')
            ~ (' (' ~ numbered(unchanged, 'other table') ~ ' had nothing new)' if unchanged else ''), info=true) -%}
    {%- elif unchanged or not rows -%}
        {%- do log('Published: nothing; ' ~ numbered(unchanged, 'table') ~ ' had nothing new', info=true) -%}
    {%- else -%}
        {%- do log('Published: nothing', info=true) -%}
    {%- endif -%}
    {%- if behind -%}{%- do log('Stayed behind, main is as it was:', info=true) -%}{%- endif -%}
    {%- for row in behind -%}
        {%- do log('  ' ~ row.relation ~ ': ' ~ row.reason, info=true) -%}
        {%- for test in row.failing if row.branch -%}
            {%- do log(
                '    the rows that fail ' ~ test.test ~ ': set spark.wap.branch=' ~ row.branch ~ '; '
                ~ modules.re.sub('\\s+', ' ', test.sql).strip(),
                info=true
            ) -%}
        {%- endfor -%}
        {%- if row.branch -%}
            {%- do log(
                "    look at it: select * from " ~ row.relation ~ " version as of '" ~ row.branch ~ "'",
                info=true
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
