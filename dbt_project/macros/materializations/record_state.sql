{% macro record_state(state) %}
    {% call statement('record_state') -%}
        set `spark.sql.iceberg.snapshot-property.malha.state`=`{{ tojson(state) }}`
    {%- endcall %}
{% endmacro %}
