{% materialization view, adapter='spark' %}
    {%- set existing = load_relation(this) -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set definition = [compiled_code] -%}
    {%- for table in stored_tables(model.depends_on.nodes) -%}
        {%- do definition.append(graph.nodes[table].checksum.checksum) -%}
    {%- endfor -%}
    {%- set definition = local_md5(definition | join) -%}

    {%- set present = [] -%}
    {%- if existing is not none and existing.is_view -%}
        {%- for row in run_query("show tblproperties " ~ this ~ " ('malha.definition')") -%}
            {%- do present.append(row[1]) -%}
        {%- endfor -%}
    {%- elif existing is not none -%}
        {% do adapter.drop_relation(existing) %}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}
    {% if definition in present %}
        {% call noop_statement('main', 'nothing new') %}-- nothing new{% endcall %}
    {% else %}
        {% call statement('main') %}
            {%- if config.get('contract').enforced -%}{{ get_assert_columns_equivalent(sql) }}{%- endif %}
            create or replace view {{ target_relation }}
            tblproperties ('malha.definition' = '{{ definition }}')
            as
            {{ compiled_code }}
        {% endcall %}
    {% endif %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
