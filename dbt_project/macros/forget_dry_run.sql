{% macro forget_dry_run(relations, branch) %}
    {%- for relation in relations -%}
        {%- set head = table_heads([relation], branch)[relation] -%}
        {%- if head.main is none and head.branches | length < 2 -%}
            {% call statement('forget') -%}drop table if exists {{ relation }} purge{%- endcall %}
        {%- else -%}
            {% call statement('forget') -%}
                alter table {{ relation }} drop branch if exists `{{ branch }}`
            {%- endcall %}
        {%- endif -%}
    {%- endfor -%}
    {%- do log('', info=true) -%}
    {%- do log(
        'A dry run, by --empty or --sample: ' ~ numbered(relations | length, 'table')
        ~ ' built on a branch and thrown away. Nothing was published; main is as it was.',
        info=true
    ) -%}
{% endmacro %}
