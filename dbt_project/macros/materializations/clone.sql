{% materialization clone, adapter='spark' %}
    {%- do exceptions.raise_compiler_error(
        "dbt clone would put a view in place of " ~ this ~ "; nothing was written. To look at another state of a table, "
        ~ "read its branch or snapshot: select * from " ~ this ~ " version as of '<branch>'"
    ) -%}
{% endmaterialization %}
