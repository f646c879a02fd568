{% macro merge_rows(relation, sql) %}
    {%- set options = model.config.meta.get('merge', {}) -%}
    {%- set key = config.require('unique_key') -%}
    {%- set keys = [key] if key is string else key -%}
    {%- set always = options.get('always', {}) -%}
    {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set changed -%}
        not ({% for column in columns %}old.`{{ column }}` <=> new.`{{ column }}`
            {%- if not loop.last %} and {% endif %}{% endfor %})
    {%- endset -%}
    merge into {{ relation }} as old
    using (
        {{ sql }}
    ) as new
    on {% for key in keys %}old.`{{ key }}` = new.`{{ key }}`{{ ' and ' if not loop.last }}{% endfor %}
    {% if 'delete_when' in options -%}
    when matched and {{ options.delete_when }} then delete
    {% endif -%}
    when matched and {{ options.get('update_when', changed) }} then update set
        {%- for column in columns %}
        `{{ column }}` = {{ always.get(column, 'new.`' ~ column ~ '`') }}{{ ',' if not loop.last }}
        {%- endfor %}
    {% if always -%}
    when matched then update set
        {%- for column, value in always.items() %}
        `{{ column }}` = {{ value }}{{ ',' if not loop.last }}
        {%- endfor %}
    {% endif -%}
    when not matched {%- if 'delete_when' in options %} and not ({{ options.delete_when }}){% endif %} then insert *
    {% if options.get('whole') -%}
    when not matched by source then delete
    {%- endif %}
{% endmacro %}
