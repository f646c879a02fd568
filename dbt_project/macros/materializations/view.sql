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
        {%- do present.append(view_definition(this)) -%}
    {%- elif existing is not none -%}
        {%- if is_published(existing) and not flags.FULL_REFRESH -%}
            {%- do exceptions.raise_compiler_error(
                this ~ " is a table, and a view in its place would take its rows and their history away; nothing was "
                ~ "written. Keep it a table, or run this model with --full-refresh"
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {%- set columns = columns_of_query(target_relation, compiled_code) -%}
    {%- do check_contract(columns) -%}

    {{ run_hooks(pre_hooks) }}
    {% if definition in present or (dry_run() and present) %}
        {% call noop_statement('main', 'nothing new') %}-- nothing new{% endcall %}
    {% else %}
        {%- if existing is not none and not existing.is_view -%}{%- do adapter.drop_relation(existing) -%}{%- endif -%}
        {% call statement('main') %}
            create or replace view {{ target_relation }}
            tblproperties ('malha.definition' = '{{ definition }}')
            as
            {{ compiled_code }}
        {% endcall %}
    {% endif %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
