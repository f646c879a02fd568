{% materialization incremental, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set reads = model.config.meta.get('reads') -%}
    {%- set state = table_state() -%}
    {%- set raw_strategy = config.get('incremental_strategy') or ('merge' if config.get('unique_key') else 'append') -%}
    {%- set strategy = dbt_spark_validate_get_incremental_strategy(raw_strategy, 'iceberg') -%}

    {{ run_hooks(pre_hooks) }}
    {% if state.nothing_new %}
        {% call noop_statement('main', 'nothing new') %}-- nothing new{% endcall %}
    {% else %}
        {% do record_state(state.next if reads else {}) %}
        {% set columns = columns_of_query(target_relation, compiled_code) %}
        {% do check_contract(columns) %}
        {% if state.read %}
            {% do open_branch(this) %}
            {% call statement('main') %}{{ merge_rows(target_relation, compiled_code) }}{% endcall %}
        {% elif reads or not is_incremental() %}
            {% do rewrite_table(target_relation, columns, compiled_code) %}
        {% else %}
            {% do add_rows(target_relation, columns, strategy) %}
        {% endif %}
    {% endif %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
