{% macro overwrite_partitions(mode) %}
    {#- The session is shared by the models of a thread, so each says what it wants. -#}
    {%- if config.get('partition_by') -%}
        {% call statement('overwrite_partitions') -%}
            set spark.sql.sources.partitionOverwriteMode = {{ mode }}
        {%- endcall %}
    {%- endif -%}
{% endmacro %}
