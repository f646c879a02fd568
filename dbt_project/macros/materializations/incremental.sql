{% materialization incremental, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set state = table_state() -%}

    {{ run_hooks(pre_hooks) }}
    {% if state.nothing_new %}
        {% call noop_statement('main', 'nothing new') %}-- nothing new{% endcall %}
    {% else %}
        {% do record_state(state.next) %}
        {% if state.read %}
            {% do open_branch(this) %}
            {% call statement('main') %}{{ merge_rows(target_relation, compiled_code) }}{% endcall %}
        {% else %}
            {% do rewrite_table(target_relation, compiled_code) %}
        {% endif %}
    {% endif %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
