{% materialization table, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks) }}
    {% do record_state({}) %}
    {% set columns = columns_of_query(target_relation, compiled_code) %}
    {% do check_contract(columns) %}
    {% do rewrite_table(target_relation, columns, compiled_code) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
